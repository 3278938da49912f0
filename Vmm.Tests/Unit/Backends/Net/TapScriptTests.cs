using Microsoft.Extensions.Logging.Abstractions;
using Vmm.Core.Backends.Net;
using static Vmm.Tests.Unit.Backends.Net.Taps;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>Whose turn it is to run the scripts of a tap.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class TapScriptTests
{
    [Test]
    public void Scripts_run_with_the_name_of_the_interface_at_its_open_and_its_end() => TapNamespace.Run(() =>
    {
        string done = NewFile();
        using (Open(new("n") { InterfaceName = "vmtap0", Script = Script($"echo up $1 >> {done}"), DownScript = Script($"echo down $1 >> {done}; exit 3") }))
        {
            Assert.That(File.ReadAllText(done), Is.EqualTo("up vmtap0\n"));
        }

        Assert.That(File.ReadAllText(done), Is.EqualTo("up vmtap0\ndown vmtap0\n"));
    });

    [Test]
    public void A_script_that_fails_or_is_none_refuses_the_interface_and_no_other_is_run() => TapNamespace.Run(() =>
    {
        string down = NewFile();
        Assert.That(
            () => Open(new("n") { InterfaceName = "vmtap0", Script = Script("echo no bridge here >&2; exit 7"), DownScript = Script($"echo down >> {down}") }),
            Refused("for interface 'vmtap0' failed: it exited with status 7: no bridge here: expected one that ends with status 0, or script=no"));
        Assert.That((File.Exists(down), TapNamespace.Exists("vmtap0")), Is.EqualTo((false, false)));
        Assert.That(() => Open(new("n") { Script = "/nowhere/at-all" }), Refused("network script /nowhere/at-all for interface 'tap0' failed: "));
    });

    [Test]
    public void A_script_that_does_not_end_is_killed() => Assert.That(
        TapScript.Run(Script("exec sleep 1000"), "vmtap0", TimeSpan.FromMilliseconds(50), NullLogger.Instance),
        Is.EqualTo("it had not ended after 0.05 seconds, and was killed"));

    [Test]
    public void The_process_that_has_the_guest_runs_the_script_of_the_end() => TapNamespace.Run(() =>
    {
        string done = NewFile();
        var configuration = new TapNetdevConfiguration("n") { InterfaceName = "vmtap0", DownScript = Script($"echo down >> {done}") };
        var old = Open(configuration);
        var refused = new TapNetdev(configuration, NullLogger.Instance);
        var next = new TapNetdev(configuration, NullLogger.Instance);
        foreach (var netdev in new[] { refused, next })
        {
            using var handedOver = HandedOver(old.Export());
            netdev.Adopt(handedOver);
        }

        refused.Dispose();
        old.Release();
        old.Dispose();
        Assert.That(File.Exists(done), Is.False, "the guest is neither's");

        next.Start();
        next.Dispose();
        next.Dispose();
        Assert.That(File.ReadAllText(done), Is.EqualTo("down\n"));
    });

    [Test]
    public void An_update_that_does_not_happen_runs_no_script() => TapNamespace.Run(() =>
    {
        string done = NewFile();
        var configuration = new TapNetdevConfiguration("n") { InterfaceName = "vmtap0", Queues = 2, Script = Script($"echo up >> {done}"), DownScript = Script($"echo down >> {done}") };
        var old = Open(configuration);
        var dropped = new TapNetdev(configuration, NullLogger.Instance);
        using (var handedOver = HandedOver(old.Export()))
        {
            dropped.Adopt(handedOver);
        }

        var refused = new TapNetdev(configuration, NullLogger.Instance);
        using (var handedOver = HandedOver(old.Export().Take(1)))
        {
            Assert.That(() => refused.Adopt(handedOver), Throws.TypeOf<NetException>());
        }

        old.Quiesce();
        dropped.Release();
        dropped.Dispose();
        refused.Release();
        refused.Dispose();
        old.Start();
        Assert.That(File.ReadAllText(done), Is.EqualTo("up\n"));

        old.Dispose();
        Assert.That(File.ReadAllText(done), Is.EqualTo("up\ndown\n"));
    });
}
