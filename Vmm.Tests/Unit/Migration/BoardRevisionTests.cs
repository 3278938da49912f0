using Vmm.Migration.Settings;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>A guest keeps the revision of its board over updates and resets.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BoardRevisionTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [TestCase(false, 1)]
    [TestCase(true, 2)]
    public async Task A_guest_has_the_board_it_was_started_on_in_every_process(bool secondIoApic, int revision)
    {
        var owner = _fixture.Old(_fixture.Configuration with { SecondIoApic = secondIoApic });
        for (int hop = 0; hop < 3; hop++)
        {
            Assert.That(owner.Board.Revision, Is.EqualTo(revision));
            Assert.That(TypesOf(owner), revision == 1 ? Has.No.Member("ioapic") : Has.One.EqualTo("ioapic"));
            var next = _fixture.New();
            await _fixture.HandOverAsync(owner, next);
            await next.DoAsync(() => next.Machine.ResetAsync(Core.Machines.ShutdownCause.HostQmpSystemReset));
            next.Set(p => p with { Mode = MigrationMode.CprTransfer });
            owner = next;
        }

        _fixture.AssertRunsIn(owner);
    }

    [Test]
    public async Task A_process_lists_the_devices_of_the_board_that_it_was_given()
    {
        var next = _fixture.New();
        Assert.That(next.Ask(m => m.Devices.Select(d => d.Configuration.Type.Name)), Has.One.EqualTo("ioapic"));
        var old = _fixture.Old(_fixture.Configuration with { SecondIoApic = false });
        await _fixture.HandOverAsync(old, next);
        Assert.That(next.Ask(m => m.Devices.Select(d => d.Configuration.Type.Name)), Is.EqualTo(TypesOf(next)).And.No.Member("ioapic"));
    }

    private static IEnumerable<string> TypesOf(MachineHost host) => host.Board.Devices.Devices.Select(device => device.Configuration.Type.Name);
}
