using Vmm.Core.Backends.Block;

namespace Vmm.Tests.Unit.Backends.Block;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ImageTests : IDisposable
{
    private readonly string _path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"image-{Guid.NewGuid():N}");
    private readonly List<BlockGraph> _graphs = [];

    public void Dispose()
    {
        _graphs.ForEach(graph => graph.Dispose());
        System.IO.File.Delete(_path);
    }

    [Test]
    public void A_disk_in_use_is_not_given_to_another_process()
    {
        Make();
        Open(File()).Attach("disk", "device a", sharesWrites: false);
        Refused(() => Open(File()).Attach("disk", "device b", sharesWrites: false), "Failed to get \"write\" lock. Is another process using the image");
    }

    [Test]
    public void A_disk_that_is_only_read_can_be_read_by_several()
    {
        Make();
        Open(File() with { ReadOnly = true }).Attach("disk", "device a", sharesWrites: false);
        Open(File() with { ReadOnly = true }).Attach("disk", "device b", sharesWrites: false);
        Refused(() => Open(File()).Attach("disk", "device c", sharesWrites: false), "Failed to get \"write\" lock");
    }

    [Test]
    public void Users_that_both_share_writes_have_it_together()
    {
        Make();
        Open(File()).Attach("disk", "device a", sharesWrites: true);
        Open(File()).Attach("disk", "device b", sharesWrites: true);
        Refused(() => Open(File()).Attach("disk", "device c", sharesWrites: false), "Failed to get shared \"write\" lock");
    }

    [Test]
    public void A_refused_user_leaves_no_lock_behind()
    {
        Make();
        var first = Open(File());
        first.Attach("disk", "device a", sharesWrites: false);
        var second = Open(File());
        Refused(() => second.Attach("disk", "device b", sharesWrites: false), "lock");
        first.Dispose();
        Open(File()).Attach("disk", "device c", sharesWrites: false);
    }

    [Test]
    public void An_image_without_a_user_is_not_locked()
    {
        Make();
        Open(File());
        Open(File()).Attach("disk", "device a", sharesWrites: false);
    }

    [TestCase("5146 49fb", "qcow2")]
    [TestCase("4b44 4d56", "vmdk")]
    [TestCase("7668 6478 6669 6c65", "vhdx")]
    [TestCase("4c55 4b53 babe", "luks")]
    public void An_image_of_another_format_is_refused_with_what_to_do(string magic, string format)
    {
        System.IO.File.WriteAllBytes(_path, [.. Convert.FromHexString(magic.Replace(" ", "", StringComparison.Ordinal)), .. new byte[4096]]);
        Refused(
            () => Open(File(), new RawNodeConfiguration("raw", "disk") { IsProbed = true }).Attach("raw", "device a", sharesWrites: false),
            $"is an image of format '{format}'");
        Open(File(), new RawNodeConfiguration("raw", "disk")).Attach("raw", "device a", sharesWrites: false);
    }

    [Test]
    public void A_part_of_a_file_is_a_disk()
    {
        Make(16 * 512);
        var disk = Open(File(), new RawNodeConfiguration("raw", "disk") { Offset = 1024, Size = 2048 }).Attach("raw", "device a", sharesWrites: false);
        Assert.That(disk.Length, Is.EqualTo(2048));
        Refused(
            () => Open(File(), new RawNodeConfiguration("raw", "disk") { Offset = 1024, Size = 16 * 512 }).Attach("raw", "device a", sharesWrites: true),
            "has to be smaller or equal to the actual size of the containing file (8192)");
    }

    [Test]
    public void A_FIFO_is_no_disk()
    {
        Assert.That(Core.Native.HostFile.StatName(_path), Is.Null);
        System.Diagnostics.Process.Start("mkfifo", _path)!.WaitForExit();
        Refused(() => Open(File()), "is a FIFO: expected a regular file or a block device");
    }

    [Test]
    public void A_file_is_no_host_device()
    {
        Make();
        Refused(() => Open(File() with { IsHostDevice = true }), "requires it to be a block device");
    }

    [Test]
    public void A_file_that_is_not_there_is_named() => Refused(() => Open(File()), $"Could not open '{_path}': No such file or directory");

    [Test]
    public void A_node_has_one_user()
    {
        Make();
        var graph = Open(File());
        graph.Attach("disk", "device a", sharesWrites: true);
        Refused(() => graph.Attach("disk", "device b", sharesWrites: true), "block node 'disk' is in use by device a");
        Refused(() => graph.Remove("disk"), "in use");
    }

    [Test]
    public void Nodes_come_and_go_while_the_guest_runs()
    {
        Make();
        var graph = Open();
        graph.Add([File(), new RawNodeConfiguration("raw", "disk")]);
        Refused(() => graph.Add([File()]), "Duplicate nodes with node-name='disk'");
        Refused(() => graph.Remove("disk"), "node 'raw' is over it");
        graph.Remove("raw");
        graph.Remove("disk");
        Assert.That(graph.Nodes, Is.Empty);
    }

    private FileNodeConfiguration File() => new("disk", _path);

    private void Make(int length = 4096) => System.IO.File.WriteAllBytes(_path, new byte[length]);

    private BlockGraph Open(params BlockNodeConfiguration[] nodes)
    {
        var graph = BlockGraph.Open(nodes, []);
        _graphs.Add(graph);
        return graph;
    }

    private static void Refused(Action action, string message) =>
        Assert.That(action, Throws.InstanceOf<BlockException>().With.Message.Contains(message));
}
