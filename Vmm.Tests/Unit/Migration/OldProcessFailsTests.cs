using Vmm.Core.Hypervisors;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Unit.Migration;

/// <summary>The old process, its plan accepted, dies, lies or spoils the state at one step after another. The new process takes nothing and waits on.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class OldProcessFailsTests : OldPeerTest
{
    [Test]
    public async Task A_peer_that_does_everything_right_hands_its_guest_over()
    {
        using var peer = new PeerAsOld(Fixture, Source);
        await peer.ConnectMain();
        await peer.StopGuest();
        Assert.That(peer.Baton.Offer(), Is.True);
        await peer.SendMain(peer.Frames());
        await peer.Cpr.Receive(MessageType.Taken);

        Assert.That(peer.Baton.IsHeldByNew, Is.True);
        await New.Events.Of("completed");
        Fixture.AssertRunsIn(New);
    }

    [Test]
    [Promise(5)]
    public async Task A_guest_is_taken_although_the_old_process_died_after_the_offer()
    {
        using var peer = new PeerAsOld(Fixture, Source);
        await peer.ConnectMain();
        await peer.StopGuest();
        peer.Baton.Offer();
        await peer.SendMain(peer.Frames());
        peer.Cpr.HangUp();
        peer.Main!.Dispose();

        await New.Events.Of("completed");
        Assert.That(peer.Baton.IsHeldByNew, Is.True);
        Fixture.AssertRunsIn(New);
    }

    /// <summary>The main channel stays open, and nothing more comes.</summary>
    [TestCase(1)]
    [TestCase(16)]
    [TestCase(StateFrame.Size)]
    [TestCase(2 * ProtocolLimits.FirstStateBuffer)]
    [Promise(45)]
    public Task A_head_that_announces_more_than_comes_is_noticed_at_the_end_record(int more) => IsNotTaken(
        async peer =>
        {
            await peer.ConnectMain();
            peer.Baton.Offer();
            byte[] frames = peer.Frames();
            int length = frames.Length - (2 * StateFrame.Size);
            StateFrame.WriteHead(frames, peer.Baton.Attempt, length + more);
            await peer.SendMain(frames);
            var message = await peer.Cpr.Receive();
            Assert.That(message.Type, Is.EqualTo(MessageType.Failed));
            Assert.That(Peer.Reasons(message), Is.EqualTo(new[] { $"the state's head promises {length + more} bytes, and its end record comes after {length}" }));
        },
        "bytes, and its end record comes after");

    [Test]
    [Promise(5)]
    public Task A_whole_state_without_an_offer_is_not_taken() => IsNotTaken(
        async peer =>
        {
            await peer.ConnectMain();
            await peer.SendMain(peer.Frames());
        },
        $"{Itself} kept the guest: it gave this attempt up before it was taken");

    [Test]
    [Promise(5)]
    public Task A_state_whose_baton_was_retired_is_not_taken() => IsNotTaken(
        async peer =>
        {
            await peer.ConnectMain();
            peer.Baton.Offer();
            Assert.That(peer.Baton.TakeBack(), Is.True);
            await peer.SendMain(peer.Frames());
        },
        "kept the guest");

    [Test]
    public Task An_attempt_that_is_abandoned_while_the_operator_thinks() => IsNotTaken(
        async peer =>
        {
            await peer.Prepare();
            await peer.Cpr.Send(MessageType.Abandoned);
        },
        $"{Itself} gave the attempt up");

    [Test]
    public Task A_peer_that_dies_before_it_opens_the_main_channel() => IsNotTaken(
        async peer =>
        {
            await peer.Prepare();
            peer.Cpr.HangUp();
        },
        $"{Itself} closed the cpr channel");

    [Test]
    public Task A_peer_that_talks_out_of_turn() => IsNotTaken(
        async peer =>
        {
            await peer.Prepare();
            await peer.Cpr.Send(MessageType.Plan);
        },
        $"{Itself} sent message 3 where none was expected");

    [TestCase(0, TestName = "A_main_channel_that_ends_before_the_head")]
    [TestCase(10, TestName = "A_main_channel_that_ends_in_the_head")]
    [TestCase(24, TestName = "A_main_channel_that_ends_after_the_head")]
    [TestCase(300, TestName = "A_main_channel_that_ends_in_the_state")]
    [TestCase(-24, TestName = "A_main_channel_that_ends_before_the_end_record")]
    [TestCase(-1, TestName = "A_main_channel_that_ends_in_the_end_record")]
    [Promise(4)]
    public Task A_main_channel_that_ends_early(int length) => IsNotTaken(
        async peer =>
        {
            await peer.ConnectMain();
            peer.Baton.Offer();
            byte[] frames = peer.Frames();
            await peer.SendMain(frames[..(length < 0 ? frames.Length + length : length)]);
            peer.Main!.Dispose();
        },
        $"{Itself} closed the main channel before the state was complete",
        "broke");

    [TestCase(0, "Not a migration stream (bad magic", TestName = "A_state_with_another_magic")]
    [TestCase(4, "Unsupported migration stream version", TestName = "A_state_of_another_format")]
    [TestCase(15, "the main channel carries attempt", TestName = "A_state_of_another_attempt")]
    [TestCase(17, "a state of", TestName = "A_state_longer_than_any")]
    [TestCase(100, "the state is damaged: checksum", TestName = "A_damaged_state")]
    [TestCase(-1, "the state's end record is damaged", TestName = "A_damaged_end_record")]
    [TestCase(-18, "the state is damaged: checksum", TestName = "A_damaged_checksum")]
    [Promise(4)]
    public Task A_damaged_main_channel(int at, string reason) => IsNotTaken(
        async peer =>
        {
            await peer.ConnectMain();
            peer.Baton.Offer();
            byte[] frames = peer.Frames();
            frames[at < 0 ? frames.Length + at : at] ^= 1;
            await peer.SendMain(frames);
        },
        reason);

    [Test]
    public Task A_state_of_another_machine_type() => IsNotTaken(
        async peer =>
        {
            await peer.ConnectMain();
            peer.Baton.Offer();
            byte[] state = peer.State();
            state[13] = (byte)'M';
            await peer.SendMain(peer.Frames(state));
            var message = await peer.Cpr.Receive();
            Assert.That(Peer.Reasons(message), Is.EqualTo(new[] { "Machine type received is 'Microvm' and local is 'microvm'" }));
        },
        "load of migration failed: Machine type received is 'Microvm' and local is 'microvm'");

    [Test]
    public Task A_hypervisor_that_refuses_the_state()
    {
        New.Hypervisor.RefuseApply = static () => new HypervisorException("the host refused register 0x10a");
        return IsNotTaken(
            async peer =>
            {
                await peer.ConnectMain();
                peer.Baton.Offer();
                await peer.SendMain(peer.Frames());
                var message = await peer.Cpr.Receive();
                Assert.That(message.Type, Is.EqualTo(MessageType.Failed));
            },
            "load of migration failed: the host refused register 0x10a");
    }

    [Test]
    public Task A_hypervisor_that_fails_in_an_unforeseen_way()
    {
        New.Hypervisor.RefuseApply = static () => new InvalidOperationException("unforeseen");
        return IsNotTaken(
            async peer =>
            {
                await peer.ConnectMain();
                peer.Baton.Offer();
                await peer.SendMain(peer.Frames());
                var message = await peer.Cpr.Receive();
                Assert.That(message.Type, Is.EqualTo(MessageType.Failed));
            },
            "load of migration failed: unforeseen");
    }

    [Test]
    public async Task An_attempt_that_fails_in_a_process_that_does_not_defer_ends_its_wait()
    {
        New.Do(New.Migrator.Dispose);
        var next = Fixture.New();
        using var peer = new PeerAsOld(Fixture, Source);
        await peer.Prepare();
        peer.Cpr.HangUp();

        await next.Events.Of("INCOMING FAILED");
        Assert.Multiple(() =>
        {
            Assert.That(next.Report.Error, Does.Contain("closed the cpr channel"));
            Assert.That(Fixture.Files.Names, Has.None.EqualTo("cpr").And.None.EqualTo("main"), "no path is left behind");
        });
    }

    [Test]
    [Promise(15)]
    public async Task A_dropped_machine_removes_no_name_of_the_old_process()
    {
        var configuration = Fixture.Configuration with
        {
            Chardevs =
            [
                new Core.Configuration.SocketChardevConfiguration("serial0") { Path = Fixture.Files.Path("console"), Server = true },
                new Core.Configuration.PtyChardevConfiguration("debug", Fixture.Files.Path("pty")),
            ],
        };
        New.Do(New.Migrator.Dispose);
        var source = Fixture.Old(configuration);
        var next = Fixture.Deferred(configuration);
        using (var peer = new PeerAsOld(Fixture, source))
        {
            await peer.Handshake();
            await peer.SendDescriptors();
            await peer.SendPlan();
            await peer.Cpr.Receive(MessageType.Ready);
        }

        await next.Events.Of("failed");
        await next.Hypervisor.Newest.Disposed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That(Fixture.Files.Names, Does.Contain("console").And.Contain("pty"));
    }
}
