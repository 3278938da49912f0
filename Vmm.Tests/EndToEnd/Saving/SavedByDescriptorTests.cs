using System.IO.Pipes;
using System.Net.Sockets;
using System.Text;
using Vmm.Core.Native;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.EndToEnd.Saving;

/// <summary>Management opens what a guest is saved to and restored from, and hands it over by SCM_RIGHTS and getfd.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SavedByDescriptorTests : UpdateTest
{
    private const string GetFd = """{"execute":"getfd","arguments":{"fdname":"stream"}}""";
    private const string Done = """{"return":{}}""";

    [TestCase(false)]
    [TestCase(true, Description = "The stream begins where the descriptor stands.")]
    public async Task A_guest_goes_through_a_file(bool isFurtherOn)
    {
        var (old, count, contents) = await StoppedAsync();
        await using var file = new FileStream(InFolder("file"), FileMode.Create, FileAccess.ReadWrite);
        if (isFurtherOn)
        {
            file.Write("what management keeps there itself"u8);
            file.Flush();
        }

        long begin = file.Position;
        await GiveAsync(old, "old.qmp", (int)file.SafeFileHandle.DangerousGetHandle(), """{"execute":"migrate","arguments":{"uri":"fd:stream"}}""");
        await old.ExpectAsync("completed");
        await QuitAsync(old);
        await using var read = new FileStream(InFolder("file"), FileMode.Open, FileAccess.Read);
        read.Position = begin;

        await RestoreAsync((int)read.SafeFileHandle.DangerousGetHandle(), count, contents);
    }

    [Test]
    public async Task A_guest_goes_through_a_pipe()
    {
        var (old, count, contents) = await StoppedAsync();
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In);
        await GiveAsync(old, "old.qmp", (int)pipe.ClientSafePipeHandle.DangerousGetHandle(), """{"execute":"migrate","arguments":{"uri":"fd:stream"}}""");
        pipe.DisposeLocalCopyOfClientHandle();

        await RestoreAsync((int)pipe.SafePipeHandle.DangerousGetHandle(), count, contents);

        await old.ExpectAsync("completed");
    }

    /// <summary>The old process has a guest that counts, stopped.</summary>
    private async Task<(Generation Old, ulong Count, string Contents)> StoppedAsync()
    {
        var old = await BootAsync("counter", "-qmp", "unix:old.qmp,server=on,wait=off");
        var ram = Keep(GuestRam.Of(old.Process));
        await ram.WaitForProgressAsync();
        await old.Qmp.ExecuteAsync("stop");
        return (old, ram.Count, ram.Digest());
    }

    private async Task RestoreAsync(int descriptor, ulong count, string contents)
    {
        var next = await AwaitGuestAsync(TinyMachine.Silent("counter").With("-qmp", "unix:new.qmp,server=on,wait=off"), "-incoming", "defer");
        await GiveAsync(next, "new.qmp", descriptor, """{"execute":"migrate-incoming","arguments":{"uri":"fd:stream"}}""");
        await next.ExpectAsync("completed");
        var restored = Keep(GuestRam.Of(next.Process));
        Assert.That((restored.Count, restored.Digest()), Is.EqualTo((count, contents)));
        await next.Qmp.ExecuteAsync("cont");
        await restored.WaitPastAsync(count);
    }

    /// <summary>Sends a descriptor with getfd, and a command that uses it, in a session of its own.</summary>
    private async Task GiveAsync(Generation generation, string monitor, int descriptor, string command)
    {
        Assert.That(generation.Process.Exited.IsCompleted, Is.False);
        using var session = await DeafPeer.ConnectAsync(InFolder(monitor));
        var client = await Keep(new WireClient(new NetworkStream(session, ownsSocket: true))).NegotiateAsync();
        UnixSocket.Send(session.SafeHandle, Encoding.ASCII.GetBytes(GetFd), [descriptor]);
        Assert.That((await client.ReadToReplyAsync())[^1], Is.EqualTo(Done));
        Assert.That(await client.AskAsync(command), Is.EqualTo(Done));
    }
}
