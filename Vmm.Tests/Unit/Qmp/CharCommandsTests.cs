using Vmm.Core.Chardevs;
using Vmm.Core.Loop;
using Vmm.Qmp.Commands;
using Vmm.Qmp.Schema;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>The commands about back ends, with the words of QEMU 10 where they fail.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CharCommandsTests : IDisposable
{
    private readonly EventLoop _loop = new("test-io");
    private readonly RingbufChardev _ring;
    private readonly NullChardev _null;
    private readonly CharCommands _commands;

    public CharCommandsTests()
    {
        _ring = new RingbufChardev("r0", _loop, 8);
        _ring.Open();
        _ring.Start();
        _null = new NullChardev("n0", _loop);
        _commands = new CharCommands(
            () => [new ChardevInfo { Label = "compat_monitor0", Filename = "stdio", FrontendOpen = true }],
            id => new Chardev[] { _ring, _null }.FirstOrDefault(chardev => chardev.Label == id),
            chardevs: null!);
    }

    public void Dispose()
    {
        _ring.Dispose();
        _null.Dispose();
        _loop.Dispose();
    }

    [Test]
    public async Task What_is_written_is_read_once_and_in_order()
    {
        await Write("hello, ring");

        Assert.That(await Read(3), Is.EqualTo("lo,"));
        Assert.That(await Read(1L << 40), Is.EqualTo(" ring"));
        Assert.That(await Read(1), Is.Empty);
    }

    [Test]
    public async Task Any_byte_crosses_in_base64()
    {
        await Write("AAH/Cgl/XA==", DataFormat.Base64);

        Assert.That(await Read(100, DataFormat.Base64), Is.EqualTo("AAH/Cgl/XA=="));
    }

    [Test]
    public async Task What_is_no_text_is_read_as_replacement_characters()
    {
        await Write("AP9hw7bD", DataFormat.Base64);

        Assert.That(await Read(100), Is.EqualTo("\0\ufffda\u00f6\ufffd"));
    }

    [Test]
    public void Errors_have_the_words_that_clients_know()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => Read(1, device: "nope"), Refused("Device 'nope' not found"));
            Assert.That(() => Read(1, device: "n0"), Refused("n0 is not a ringbuf device"));
            Assert.That(() => Read(1, device: "compat_monitor0"), Refused("compat_monitor0 is not a ringbuf device"));
            Assert.That(() => Read(0), Refused("size must be greater than zero"));
            Assert.That(() => Read(-1), Refused("size must be greater than zero"));
            Assert.That(() => Write("x", device: "nope"), Refused("Device 'nope' not found"));
            Assert.That(() => Write("x", device: "n0"), Refused("n0 is not a ringbuf device"));
            Assert.That(() => Write("hel*lo", DataFormat.Base64), Refused("Base64 data contains invalid characters"));
            Assert.That(async () => await _commands.ChardevSendBreak(null!, "nope"), Refused("Chardev 'nope' not found"));
            Assert.That(async () => await _commands.ChardevSendBreak(null!, "n0"), Throws.Nothing);
            Assert.That(async () => await _commands.ChardevSendBreak(null!, "compat_monitor0"), Throws.Nothing);
            Assert.That(() => Write("hello", DataFormat.Base64), Refused("Base64 data contains invalid characters"));
        });
    }

    [Test]
    public void A_guest_on_its_way_is_asked_for_in_the_process_that_has_it()
    {
        _ring.Quiesce();

        Assert.That(() => Read(1), Refused("Device 'r0' is on its way to another process with its guest: ask the process that has the guest"));
        Assert.That(() => Write("x"), Refused("Device 'r0' is on its way to another process with its guest: ask the process that has the guest"));
    }

    [Test]
    public async Task Every_kind_that_the_option_takes_is_listed() => Assert.That(
        (await _commands.QueryChardevBackends(null!)).Select(kind => kind.Name),
        Is.EquivalentTo(new[] { "null", "stdio", "file", "pty", "socket", "ringbuf", "memory" }));

    private static NUnit.Framework.Constraints.IResolveConstraint Refused(string text) => Throws.TypeOf<QmpException>().With.Message.EqualTo(text);

    private async Task<string> Read(long size, DataFormat? format = null, string device = "r0") =>
        await _commands.RingbufRead(null!, device, size, format);

    private async Task Write(string data, DataFormat? format = null, string device = "r0") =>
        await _commands.RingbufWrite(null!, device, data, format);
}
