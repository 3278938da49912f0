using Vmm.Core.Native;
using Vmm.Migration.Plans;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>The guest's place on the host goes with it, and what cannot go is reported and stops nothing.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PlacementTests : IDisposable
{
    private const int Bind = 2; // MPOL_BIND

    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Test]
    public async Task The_NUMA_policy_of_the_old_process_becomes_that_of_the_new_one()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        old.Do(() => ProcessMemory.SetPolicy(Bind, Nodes(0)));
        Assert.That(next.Do(ProcessMemory.GetPolicy).Mode, Is.Zero);

        await _fixture.HandOverAsync(old, next);

        var (mode, nodes) = next.Do(ProcessMemory.GetPolicy);
        Assert.That((mode, IdList.Of(nodes)), Is.EqualTo((Bind, "0")));
    }

    [Test]
    public async Task What_cannot_be_placed_is_reported_in_words_and_the_guest_is_still_taken()
    {
        var source = _fixture.Old();
        var next = _fixture.New();
        using var peer = new PeerAsOld(_fixture, source);
        peer.Plan = peer.Plan with
        {
            Host = HostPlacement.Unknown with { Policy = new NumaPolicy(Bind, Nodes(900)) },
            Placement = [new ThreadPlacement(new byte[128], 77, 5)],
        };

        await peer.Prepare();

        Assert.That(peer.Warnings, Is.EqualTo(new[]
        {
            "NUMA policy bind, nodes 900 could not be applied: Invalid argument",
            "vCPU 0: processors none could not be applied: Invalid argument",
            "vCPU 0: scheduling policy 77, priority 5 could not be applied: Invalid argument",
        }));
        Assert.That(next.Report.Status, Is.EqualTo(Vmm.Migration.MigrationStatus.Setup));
    }

    [Test]
    public async Task A_new_process_that_does_not_get_the_guest_keeps_the_placement_that_it_had()
    {
        var old = _fixture.Old();
        var next = _fixture.Deferred();
        old.Do(() => ProcessMemory.SetPolicy(Bind, Nodes(0)));
        old.Migrate(_fixture.Channels);
        await next.HasBuilt();
        Assert.That(next.Do(ProcessMemory.GetPolicy).Mode, Is.EqualTo(Bind));

        old.Do(old.Migrator.Cancel);
        await next.Events.Of("failed");

        // The machine is dropped in the turn that reports the failure, or the one after it.
        next.Do(() => { });
        Assert.That(next.Do(ProcessMemory.GetPolicy).Mode, Is.Zero);
    }

    [Test]
    public async Task The_old_process_logs_what_the_new_one_could_not_place()
    {
        var old = _fixture.Old();
        using var peer = new PeerAsNew(_fixture);
        peer.Warnings.Add("NUMA policy bind, nodes 1 could not be applied: Invalid argument");
        old.Migrate(_fixture.Channels);
        await peer.AcceptState();
        Assert.That(peer.Baton.Take(), Is.True);
        await peer.SendTaken();
        await HandoverFixture.EndOf(old);

        Assert.That(old.Log.Lines, Has.Some.EqualTo(
            "live update: not as before: NUMA policy bind, nodes 1 could not be applied: Invalid argument"));
    }

    [Test]
    public async Task A_new_process_that_speaks_version_1_receives_a_plan_of_version_1()
    {
        var old = _fixture.Old();
        using var peer = new PeerAsNew(_fixture) { Protocol = 1 };
        old.Migrate(_fixture.Channels);
        await peer.AcceptState();
        Assert.That(peer.Baton.Take(), Is.True);
        await peer.SendTaken();

        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("completed"));
        Assert.That(peer.Plan.Host, Is.EqualTo(HostPlacement.Unknown));
    }

    [Test]
    public async Task An_old_process_that_speaks_version_1_is_served()
    {
        var source = _fixture.Old(_fixture.Configuration with { SecondIoApic = false });
        var next = _fixture.New();
        using var peer = new PeerAsOld(_fixture, source) { Protocol = 1 };

        await peer.Prepare();

        Assert.That(next.Do(ProcessMemory.GetPolicy).Mode, Is.Zero);
    }

    [Test]
    public void A_policy_is_read_as_it_was_set() => OwnThread.Run(() =>
    {
        var policy = new NumaPolicy(Bind, Nodes(0));
        policy.Apply();
        Assert.That(NumaPolicy.OfThisThread(), Is.EqualTo(policy));
    });

    [Test]
    public void A_thread_inherits_the_policy_of_the_one_that_starts_it() => OwnThread.Run(() =>
    {
        ProcessMemory.SetPolicy(Bind, Nodes(0));
        OwnThread.Run(() => Assert.That(NumaPolicy.OfThisThread().Mode, Is.EqualTo(Bind)));
    });

    [Test]
    public void A_process_that_is_placed_already_is_left_alone()
    {
        Assert.That(HostPlacement.OfThisProcess().Apply(), Is.Empty);
    }

    [Test]
    [NonParallelizable] // the limit is the whole process's, and every handover in another test would raise it
    public void A_lower_limit_of_locked_memory_is_raised_and_a_higher_one_left()
    {
        var (soft, hard) = ProcessMemory.GetLockLimit();
        ProcessMemory.SetLockLimit(soft / 2, hard);

        Assert.That((HostPlacement.Unknown with { LockLimit = soft / 4 }).Apply(), Is.Empty);
        Assert.That(ProcessMemory.GetLockLimit(), Is.EqualTo((soft / 2, hard)));

        Assert.That((HostPlacement.Unknown with { LockLimit = soft }).Apply(), Is.Empty);
        Assert.That(ProcessMemory.GetLockLimit(), Is.EqualTo((soft, hard)));
    }

    [TestCase(new byte[] { 0 }, "none")]
    [TestCase(new byte[] { 1 }, "0")]
    [TestCase(new byte[] { 0xff, 0x01, 0x80 }, "0-8,23")]
    [TestCase(new byte[] { 0b1010_0110 }, "1-2,5,7")]
    public void Numbers_are_listed_as_the_hosts_tools_do(byte[] bits, string text) => Assert.That(IdList.Of(bits), Is.EqualTo(text));

    private static byte[] Nodes(int node)
    {
        var nodes = new byte[128];
        nodes[node / 8] = (byte)(1 << (node % 8));
        return nodes;
    }
}
