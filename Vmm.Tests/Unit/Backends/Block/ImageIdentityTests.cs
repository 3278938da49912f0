using Vmm.Core.Backends.Block;

namespace Vmm.Tests.Unit.Backends.Block;

[Parallelizable(ParallelScope.All)]
public sealed class ImageIdentityTests
{
    private static readonly ImageIdentity Promised = new("disk", 0x801, 7, 2);

    [Test]
    public void The_promised_image_is_taken() => Assert.That(ImageIdentity.Differences([Promised], [Promised]), Is.Empty);

    [Test]
    public void Another_file_or_one_that_is_open_in_another_way_is_not() => Assert.That(
        ImageIdentity.Differences([Promised], [Promised with { Device = 0x802, Inode = 8, Access = 0x402 }]),
        Is.EqualTo(new[] { "block node 'disk': device 0x802 where 0x801 was promised, inode 0x8 where 0x7 was promised, open flags 0x402 where 0x2 was promised" }));

    [Test]
    public void One_that_was_not_promised_is_not() => Assert.That(
        ImageIdentity.Differences([], [Promised]), Is.EqualTo(new[] { "block node 'disk': the old process does not say which file it is" }));

    [Test]
    public void It_is_that_of_the_open_file()
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"identity-{Guid.NewGuid():N}");
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite, FileOptions.DeleteOnClose);
        using var again = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

        var (one, other) = (ImageIdentity.Of("disk", file), ImageIdentity.Of("disk", again));

        Assert.That(other with { Access = one.Access }, Is.EqualTo(one));
        Assert.That((one.Access & 3, other.Access & 3), Is.EqualTo((2u, 0u)), "read and write; only read");
    }
}
