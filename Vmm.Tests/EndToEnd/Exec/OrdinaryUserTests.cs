using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>The process of a user without any privilege but to open /dev/kvm becomes other programs, with a disk and a client of its console.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class OrdinaryUserTests : ExecTest
{
    private const int User = 65534; // nobody

    /// <inheritdoc/>
    private protected override string Launch =>
        $"exec setpriv --reuid {User} --regid $(stat -c %g /dev/kvm) --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs -- \"$0\" \"$@\"";

    [Test]
    public async Task Its_guest_goes_on_in_program_after_program()
    {
        await Host.RunAsync($"chown {User} {Shell.Quote(Folder)} && truncate -s 1M {Shell.Quote(InFolder("disk"))} && chown {User} {Shell.Quote(InFolder("disk"))}");
        await BootAsync(
            "-blockdev", "driver=file,node-name=disk,filename=disk", "-device", "virtio-blk-device,drive=disk",
            "-chardev", "socket,id=console,path=console.sock,server=on,wait=off", "-serial", "chardev:console");
        await using var client = await Guest.Process.ConnectAsync("console.sock");
        int process = ProcessId;

        for (int i = 0; i < 3; i++)
        {
            await HopAsync();
        }

        Assert.That(ProcessId, Is.EqualTo(process));
        Assert.That(File.ReadAllLines($"/proc/{process}/status"), Has.One.Matches($"^Uid:\\s+{User}\\s+{User}\\s+{User}\\s+{User}$").And.One.Matches("^CapEff:\\s+0+$"));
        AssertWhole();
    }
}
