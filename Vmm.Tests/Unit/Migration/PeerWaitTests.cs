// A peer that stops answering, but stays connected, at one wait after another. Only an operator may take any time: while the new
// process waits for migrate-incoming it says so again and again, and the guest runs.

using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Every wait for a peer ends by itself and names the peer; a peer that is only slow is not given up.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PeerWaitTests : IDisposable
{
    private static readonly string Itself = $"process {Environment.ProcessId}";

    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [TestCase(0)]
    [TestCase(3)]
    [Promise(10)]
    public async Task A_new_process_that_is_silent_once_ready_is_given_up_while_the_guest_runs(int signsOfLife)
    {
        var old = _fixture.Old();
        old.Set(p => p with { CprConnectTimeout = 500 });
        using var peer = new PeerAsNew(_fixture);
        old.Migrate(_fixture.Channels);
        await peer.SendReady();
        for (int i = 0; i < signsOfLife; i++)
        {
            await peer.Cpr.Send(MessageType.Waiting, new StateWriter());
        }

        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("failed"));
        Assert.That(old.Report.Error, Is.EqualTo($"{Itself} was ready and gave no sign of life within 500 ms"));
        Assert.That(old.Hypervisor.Count("stop and capture"), Is.Zero, "the guest was stopped");
        _fixture.AssertRunsIn(old);
    }

    /// <summary>Old and new are each played to the other, so that the test sees every sign of life on its way.</summary>
    [Test]
    [Promise(10)]
    public async Task A_new_process_that_waits_for_its_operator_is_waited_for_beyond_the_time_out()
    {
        var old = _fixture.Old();
        old.Set(p => p with { CprConnectTimeout = 1000 });
        using var elsewhere = new HandoverFixture();
        var next = elsewhere.Deferred();
        using var toOld = new PeerAsNew(_fixture);
        using var toNew = new PeerAsOld(elsewhere, elsewhere.Old());

        old.Migrate(_fixture.Channels);
        await toOld.ReceivePlan();
        toNew.Plan = toNew.Plan with { SignOfLifeWithin = toOld.Plan.SignOfLifeWithin };
        await toNew.ReceiveReady();
        await toOld.AnswerReady();
        for (uint passed = 0; passed <= 2 * 1000; passed += toOld.Plan.SignOfLifeWithin)
        {
            await toNew.Cpr.Receive(MessageType.Waiting);
            await toOld.Cpr.Send(MessageType.Waiting, new StateWriter());
        }

        await toOld.SendListening();
        await toOld.ReceiveState();
        Assert.That(toOld.Baton.Take(), Is.True);
        await toOld.SendTaken();
        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("completed"), old.Report.Error);
        Assert.That(next.State, Is.EqualTo(RunState.Inmigrate));
    }

    /// <summary>
    /// The operator who gives migrate-incoming afterwards reads which peer it would have been for, what became of that, and that no guest came.
    /// </summary>
    [Test]
    public async Task An_old_process_that_ends_while_the_operator_is_awaited_is_reported()
    {
        var next = _fixture.Deferred();
        using (var peer = new PeerAsOld(_fixture, _fixture.Old()))
        {
            await peer.ReceiveReady();
            await peer.Cpr.Receive(MessageType.Waiting);
        }

        await next.Events.Of("failed");
        Assert.That(
            next.Report.Error,
            Is.EqualTo($"{Itself} ended, or hung up, while this process waited for migrate-incoming: its guest was never taken"));
        Assert.That(next.State, Is.EqualTo(RunState.Inmigrate));
    }

    [Test]
    public async Task An_old_process_that_gives_up_while_the_operator_is_awaited_is_reported()
    {
        var next = _fixture.Deferred();
        using var peer = new PeerAsOld(_fixture, _fixture.Old());
        await peer.ReceiveReady();
        await peer.Cpr.Send(MessageType.Abandoned);

        await next.Events.Of("failed");
        Assert.That(
            next.Report.Error,
            Is.EqualTo($"{Itself} gave the attempt up while this process waited for migrate-incoming: its guest was never taken"));
    }

    [Test]
    public async Task A_new_process_sends_nothing_that_an_earlier_protocol_does_not_know()
    {
        var next = _fixture.Deferred();
        using var peer = new PeerAsOld(_fixture, _fixture.Old(_fixture.Configuration with { SecondIoApic = false })) { Protocol = 2 };

        await peer.ReceiveReady();
        next.Do(() => next.Migrator.StartIncoming(new UnixAddress(_fixture.MainPath)));

        await peer.Cpr.Receive(MessageType.Listening);
    }

    [Test]
    public async Task A_new_process_of_an_earlier_protocol_has_no_sign_of_life_to_give()
    {
        var old = _fixture.Old();
        using var peer = new PeerAsNew(_fixture) { Protocol = 2 };
        old.Migrate(_fixture.Channels);
        await peer.SendReady();

        await peer.Cpr.Send(MessageType.Waiting, new StateWriter());

        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("failed"));
        Assert.That(old.Report.Error, Is.EqualTo($"{Itself} sent message 10 where Listening was expected"));
    }

    [TestCase(null, TestName = "An_old_process_that_does_not_open_the_main_channel")]
    [TestCase(0, TestName = "An_old_process_that_sends_no_state")]
    [TestCase(300, TestName = "An_old_process_that_stops_in_the_middle_of_its_state")]
    [TestCase(-24, TestName = "An_old_process_that_does_not_offer_its_guest")]
    [Promise(10)]
    public async Task An_old_process_that_does_not_send_its_state(int? sent)
    {
        var source = _fixture.Old();
        var next = _fixture.Deferred();
        next.Set(p => p with { CprStateTimeout = 100 });
        next.Do(() => next.Migrator.StartIncoming(new UnixAddress(_fixture.MainPath)));
        using (var peer = new PeerAsOld(_fixture, source))
        {
            await (sent is null ? peer.Prepare() : peer.ConnectMain());
            byte[] frames = peer.Frames();
            await peer.SendMain(frames[..(sent is null ? 0 : sent < 0 ? frames.Length + sent.Value : sent.Value)]);

            var answer = await peer.Cpr.Receive();

            Assert.That((answer.Type, Peer.Reasons(answer)[0]), Is.EqualTo((MessageType.Failed, $"{Itself} did not send its state within 100 ms")));
        }

        await next.Events.Of("failed");
        Assert.That(next.State, Is.EqualTo(RunState.Inmigrate));
        next.Set(p => p with { CprStateTimeout = 10_000 });
        next.Events.Clear();
        await _fixture.HandOverAsync(source, next);
        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task An_old_process_that_slept_through_its_own_time_out_reads_what_came_meanwhile()
    {
        const int Limit = 1000;
        var old = _fixture.Old();
        old.Set(p => p with { CprReadyTimeout = Limit });
        using var peer = new PeerAsNew(_fixture);
        old.Migrate(_fixture.Channels);
        await peer.ReceivePlan();

        old.Do(() =>
        {
            long due = Environment.TickCount64 + Limit;
            Task.Run(peer.AnswerReady).Wait();
            SpinWait.SpinUntil(() => Environment.TickCount64 > due);
        });
        await peer.SendListening();
        await peer.ReceiveState();
        Assert.That(peer.Baton.Take(), Is.True);
        await peer.SendTaken();

        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("completed"), old.Report.Error);
    }

    [Test]
    public async Task A_new_process_that_took_the_guest_in_time_and_reports_it_late_is_believed()
    {
        const int Limit = 2000;
        var old = _fixture.Old();
        old.Set(p => p with { CprLoadTimeout = Limit, CprAcknowledgeTimeout = 30_000 });
        using var peer = new PeerAsNew(_fixture);
        old.Migrate(_fixture.Channels);
        await peer.AcceptState();
        Assert.That(peer.Baton.Take(), Is.True);

        // On old's loop, whose own limit was set before.
        await old.DoAsync(() => old.Loop.Delay(TimeSpan.FromMilliseconds(Limit)));
        await peer.SendTaken();

        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("completed"));
        Assert.That(old.Report.Error, Is.Null);
        Assert.That(old.Report.Downtime, Is.GreaterThan(0), "the new process reported its times");
    }
}
