using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.EndToEnd.Saving;

/// <summary>A guest that the program before today's has saved.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SavedByPredecessorTests() : TwoVersionsTest(Second)
{
    private static readonly string[] Devices =
    [
        "-serial", "null", "-blockdev", "driver=null-co,node-name=disk0", "-device", "virtio-blk-device,drive=disk0", "-device", "virtio-rng-device",
        "-chardev", "null,id=c0", "-device", "virtio-serial-device", "-device", "virtconsole,chardev=c0",
    ];

    [Test]
    [Promise(56)]
    public async Task Todays_program_restores_it()
    {
        var old = await BootInPredecessorAsync("counter", Devices);
        var ram = Keep(GuestRam.Of(old.Process));
        await ram.WaitForProgressAsync();
        await old.Qmp.ExecuteAsync("stop");
        ulong count = ram.Count;
        string contents = ram.Digest();
        await SaveAsync(old, "file:saved");
        await QuitAsync(old);

        var next = await RestoreAsync(TinyMachine.Silent("counter").With(Devices), "file:saved");

        var restored = Keep(GuestRam.Of(next.Process));
        Assert.That((restored.Count, restored.Digest()), Is.EqualTo((count, contents)));
        await next.Qmp.ExecuteAsync("cont");
        await restored.WaitPastAsync(count);
    }
}
