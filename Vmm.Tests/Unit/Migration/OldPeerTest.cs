using Vmm.Core.Machines;
using Vmm.Migration.Channels;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>A test that plays the old process by hand, against a new one that waits for another attempt after one that failed.</summary>
public abstract class OldPeerTest : IDisposable
{
    private protected static readonly string Itself = $"process {Environment.ProcessId}";

    private protected OldPeerTest()
    {
        Source = Fixture.Old();
        New = Fixture.Deferred();
        New.Do(() => New.Migrator.StartIncoming(new UnixAddress(Fixture.MainPath)));
    }

    private protected HandoverFixture Fixture { get; } = new();

    /// <summary>Whose guest the played process has.</summary>
    private protected MachineHost Source { get; }

    private protected MachineHost New { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Fixture.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The new process takes nothing, says one of these reasons, drops what it has built, and serves the next one.</summary>
    private protected async Task IsNotTaken(Func<PeerAsOld, Task> play, params string[] reasons)
    {
        using (var peer = new PeerAsOld(Fixture, Source))
        {
            await play(peer);
            await New.Events.Of("failed");
            Assert.Multiple(() =>
            {
                Assert.That(peer.Baton.IsHeldByNew, Is.False);
                Assert.That(New.State, Is.EqualTo(RunState.Inmigrate));
                Assert.That(New.Hypervisor.Count("start"), Is.Zero);
                Assert.That(reasons.Any(r => New.Report.Error!.Contains(r, StringComparison.Ordinal)), Is.True, $"the error was: {New.Report.Error}");
            });
            Fixture.AssertRunsIn(Source);
        }

        foreach (var machine in New.Hypervisor.Machines)
        {
            await machine.Disposed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        }

        await AnHonestPeerIsServed();
    }

    /// <summary>The same new process takes the guest from a peer that does everything right.</summary>
    private protected async Task AnHonestPeerIsServed()
    {
        New.Hypervisor.RefuseApply = null;
        New.Hypervisor.RefuseCreate = null;
        New.Events.Clear();
        await Fixture.HandOverAsync(Source, New);
        Assert.Multiple(() =>
        {
            Assert.That(New.Report.Error, Is.Null);
            Assert.That(New.Events.All, Does.Contain("active").And.Contain("RESUME"));
        });
        Fixture.AssertRunsIn(New);
    }
}
