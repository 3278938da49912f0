using Vmm.Core.Text;

namespace Vmm.Tests.Unit.CommandLine;

public sealed class ByteSizeTests
{
    [TestCase("0", 0UL)]
    [TestCase("4096", 4096UL)]
    [TestCase("0x1000", 4096UL)]
    [TestCase("1b", 1UL)]
    [TestCase("1k", 1024UL)]
    [TestCase("2M", 2UL << 20)]
    [TestCase("1.5G", 3UL << 29)]
    [TestCase("1T", 1UL << 40)]
    [TestCase("1P", 1UL << 50)]
    [TestCase("15E", 15UL << 60)]
    [TestCase("18446744073709551615", ulong.MaxValue)]
    public void Sizes_are_read(string text, ulong expected)
    {
        Assert.That(ByteSize.TryParse(text, ByteSize.Bytes, out var size), Is.True);
        Assert.That(size, Is.EqualTo(expected));
    }

    [TestCase("")]
    [TestCase("k")]
    [TestCase("-1")]
    [TestCase("+1")]
    [TestCase(" 1")]
    [TestCase("1 k")]
    [TestCase("1.5")]
    [TestCase("1.5b")]
    [TestCase("1.k")]
    [TestCase(".5k")]
    [TestCase("1.5.5k")]
    [TestCase("0x")]
    [TestCase("0x1k")]
    [TestCase("1e3")]
    [TestCase("1kk")]
    [TestCase("16E")]
    [TestCase("18446744073709551616")]
    public void What_is_no_size_is_refused(string text) => Assert.That(ByteSize.TryParse(text, ByteSize.Bytes, out _), Is.False);
}
