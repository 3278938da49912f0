using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>The new process, played by hand, fails at one step after another. The guest stays in the old process, and a retry works.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class NewProcessFailsTests : IDisposable
{
    private static readonly string Itself = $"process {Environment.ProcessId}";

    private readonly HandoverFixture _fixture = new();
    private readonly MachineHost _old;

    public NewProcessFailsTests()
    {
        _old = _fixture.Old();
        _old.Set(p => p with { CprConnectTimeout = 5000, CprReadyTimeout = 5000, CprLoadTimeout = 5000 });
    }

    public void Dispose() => _fixture.Dispose();

    [Test]
    public Task A_peer_that_closes_at_once() => StaysUnstopped(
        async peer =>
        {
            await peer.Accept();
            peer.Cpr.HangUp();
        },
        $"{Itself} closed the cpr channel",
        "the cpr channel to");

    [Test]
    public Task A_peer_that_does_not_greet()
    {
        _old.Set(p => p with { CprConnectTimeout = 100 });
        return StaysUnstopped(peer => peer.Accept(), $"{Itself} did not answer the greeting within 100 ms");
    }

    [Test]
    public Task A_peer_that_greets_with_garbage() => StaysUnstopped(
        async peer =>
        {
            await peer.Accept();
            await peer.Cpr.SendRaw("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray());
        },
        $"{Itself} does not speak the handover protocol: magic 0x564d4d63 expected, 0x48545450 received");

    [Test]
    public Task A_peer_that_speaks_only_later_protocols() => StaysUnstopped(
        async peer =>
        {
            await peer.Accept();
            var hello = new StateWriter();
            hello.WriteUInt16(Greeting.NewestProtocol + 1);
            hello.WriteUInt16(9);
            Vmm.Migration.Plans.PlanCodec.WriteText(hello, "9.9.9");
            await peer.Cpr.Send(MessageType.Hello, hello);
        },
        $"{Itself} (vmm 9.9.9) speaks handover protocol {Greeting.NewestProtocol + 1} to 9, this process");

    [Test]
    public Task A_peer_whose_greeting_is_too_short() => StaysUnstopped(
        async peer =>
        {
            await peer.Accept();
            await peer.Cpr.Send(MessageType.Hello, new StateWriter());
        },
        "state is truncated");

    [Test]
    public Task A_peer_that_begins_with_something_else() => StaysUnstopped(
        async peer =>
        {
            await peer.Accept();
            await peer.Cpr.Send(MessageType.Ready);
        },
        $"{Itself} began with message 5 where a greeting was expected");

    [Test]
    public Task A_peer_that_refuses_the_plan() => StaysUnstopped(
        async peer =>
        {
            await peer.ReceivePlan();
            await peer.Cpr.Send(MessageType.Refused, "the first reason", "and another");
        },
        $"{Itself} refused the guest: the first reason; and another");

    [Test]
    public Task A_peer_that_closes_instead_of_building() => StaysUnstopped(
        async peer =>
        {
            await peer.ReceivePlan();
            peer.Cpr.HangUp();
        },
        $"{Itself} closed the cpr channel");

    [Test]
    [Promise(10)]
    public Task A_peer_that_never_gets_ready()
    {
        _old.Set(p => p with { CprReadyTimeout = 100 });
        return StaysUnstopped(peer => peer.ReceivePlan(), $"{Itself} was not ready within 100 ms");
    }

    [Test]
    public Task A_peer_that_takes_before_it_is_ready() => StaysUnstopped(
        async peer =>
        {
            await peer.ReceivePlan();
            Assert.That(peer.Baton.Take(), Is.False, "nothing was offered");
            await peer.SendTaken();
        },
        $"{Itself} sent message 8 where Ready was expected");

    [Test]
    public Task A_peer_that_repeats_a_message() => StaysUnstopped(
        async peer =>
        {
            await peer.Handshake();
            await peer.Cpr.SendRaw(Frame(type: 1, descriptors: 0, length: 0, sequence: 0));
        },
        $"{Itself} sent message number 0 where 1 was expected");

    [Test]
    public Task A_peer_that_skips_a_message() => StaysUnstopped(
        async peer =>
        {
            await peer.Handshake();
            await peer.Cpr.SendRaw(Frame(type: 5, descriptors: 0, length: 0, sequence: 2));
        },
        $"{Itself} sent message number 2 where 1 was expected");

    [Test]
    public Task A_peer_that_announces_more_than_anyone_sends() => StaysUnstopped(
        async peer =>
        {
            await peer.Handshake();
            await peer.Cpr.SendRaw(Frame(type: 5, descriptors: 0, length: 0x7fff_ffff, sequence: 1));
        },
        $"{Itself} announced a message of 2147483647 bytes and 0 descriptors; at most 1048576 and 253 are taken for Ready");

    [Test]
    public Task A_peer_that_announces_descriptors_and_sends_none() => StaysUnstopped(
        async peer =>
        {
            await peer.Handshake();
            await peer.Cpr.SendRaw(Frame(type: 5, descriptors: 1, length: 0, sequence: 1));
        },
        $"{Itself} announced 1 descriptors with Ready and sent 0");

    [Test]
    public Task A_peer_that_stops_in_the_middle_of_a_message() => StaysUnstopped(
        async peer =>
        {
            await peer.Handshake();
            await peer.Cpr.SendRaw(Frame(type: 5, descriptors: 0, length: 100, sequence: 1));
            peer.Cpr.HangUp();
        },
        $"{Itself} closed the cpr channel",
        "the cpr channel to");

    [Test]
    public Task A_peer_that_dies_while_the_operator_thinks() => StaysUnstopped(
        async peer =>
        {
            await peer.SendReady();
            peer.Cpr.HangUp();
        },
        $"{Itself} closed the cpr channel");

    [Test]
    public Task A_peer_that_says_ready_without_a_time() => StaysUnstopped(
        async peer =>
        {
            await peer.ReceivePlan();
            await peer.Cpr.Send(MessageType.Ready, new StateWriter());
        },
        "state is truncated");

    [Test]
    public async Task A_peer_that_says_it_listens_and_does_not()
    {
        using (var peer = new PeerAsNew(_fixture))
        {
            _old.Events.Clear();
            _old.Migrate(_fixture.Channels);
            File.Delete(_fixture.MainPath);
            await peer.SendReady();
            await peer.Cpr.Send(MessageType.Listening, new StateWriter());
            Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("failed"));
        }

        Assert.That(_old.Report.Error, Is.EqualTo($"Failed to connect to '{_fixture.MainPath}': No such file or directory"));
        Assert.That(_old.Hypervisor.Count("stop and capture"), Is.Zero);
        await RetryWorks();
    }

    [Test]
    public Task A_peer_that_closes_the_main_channel_without_reading() => StaysAfterAStop(
        async peer =>
        {
            await peer.AcceptMain();
            peer.Main.Dispose();
            peer.Cpr.HangUp();
        },
        null);

    [Test]
    public Task A_peer_that_closes_after_the_state_without_taking() => StaysAfterAStop(
        async peer =>
        {
            await peer.AcceptState();
            peer.Cpr.HangUp();
        },
        $"{Itself} closed the cpr channel");

    [Test]
    public Task A_peer_that_cannot_load_the_state() => StaysAfterAStop(
        async peer =>
        {
            await peer.AcceptState();
            await peer.Cpr.Send(MessageType.Failed, "an MSR was refused");
        },
        $"{Itself} could not load the guest: an MSR was refused");

    [Test]
    public Task A_peer_that_is_silent_after_the_state()
    {
        _old.Set(p => p with { CprLoadTimeout = 150 });
        return StaysAfterAStop(peer => peer.AcceptState(), $"{Itself} did not take the guest within 150 ms");
    }

    [Test]
    [Promise(10)]
    public Task A_peer_that_reads_nothing_of_the_state()
    {
        _old.Set(p => p with { CprLoadTimeout = 150 });
        return StaysAfterAStop(peer => peer.AcceptMain(), $"{Itself} did not take the guest within 150 ms", $"{Itself} did not take the state within 150 ms");
    }

    [Test]
    [Promise(3)]
    public Task A_peer_that_claims_a_guest_which_it_did_not_take() => StaysAfterAStop(
        async peer =>
        {
            await peer.AcceptState();
            await peer.SendTaken();
        },
        $"{Itself} says that it took the guest, the baton says that it did not");

    [Test]
    public Task A_peer_that_sends_garbage_after_the_state() => StaysAfterAStop(
        async peer =>
        {
            await peer.AcceptState();
            await peer.Cpr.SendRaw(new byte[64]);
        },
        $"{Itself} does not speak the handover protocol");

    [Test]
    [Promise(2)]
    public async Task A_peer_that_wakes_after_its_attempt_was_given_up_takes_nothing()
    {
        _old.Set(p => p with { CprLoadTimeout = 100 });
        using var peer = new PeerAsNew(_fixture);
        _old.Migrate(_fixture.Channels);
        await peer.AcceptState();
        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("failed"));

        Assert.That(peer.Baton.Take(), Is.False);
        _fixture.AssertRunsIn(_old);
    }

    [Test]
    [Promise(3)]
    public async Task A_peer_that_takes_and_dies_has_the_guest()
    {
        using var peer = new PeerAsNew(_fixture);
        _old.Migrate(_fixture.Channels);
        await peer.AcceptState();
        Assert.That(peer.Baton.Take(), Is.True);
        peer.Cpr.HangUp();

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("completed"));
        Assert.Multiple(() =>
        {
            Assert.That(_old.Report.Error, Does.StartWith($"the guest is in {Itself}, which did not say so: "));
            Assert.That(_old.State, Is.EqualTo(RunState.Postmigrate));
            Assert.That(_old.Hypervisor.Count("start"), Is.EqualTo(1), "it was never started again");
            Assert.That(_old.Report.Downtime, Is.Null, "it is not known how long the guest was stopped");
            Assert.That(_old.Report.Times!.Save, Is.GreaterThan(0), "what old did itself it knows");
            Assert.That(_old.Events.All, Is.EqualTo(new[] { "setup", "STOP", "PASS 1", "active", "device", "PASS 2", "completed" }));
        });
    }

    [Test]
    [Promise(3)]
    public async Task A_peer_that_takes_and_is_silent_has_the_guest()
    {
        _old.Set(p => p with { CprLoadTimeout = 1000, CprAcknowledgeTimeout = 101 });
        using var peer = new PeerAsNew(_fixture);
        _old.Migrate(_fixture.Channels);
        await peer.AcceptState();
        Assert.That(peer.Baton.Take(), Is.True);

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("completed"));
        Assert.That(_old.Report.Error, Does.EndWith("sent no acknowledgement within 101 ms"));
        Assert.That(_fixture.Ownership.Running, Is.Zero);
    }

    [Test]
    public async Task Nothing_can_be_taken_before_the_state_was_sent()
    {
        using var peer = new PeerAsNew(_fixture);
        _old.Migrate(_fixture.Channels);
        await peer.AcceptMain();
        byte[] head = new byte[24];
        await peer.Main.ReceiveAsync(head);

        Assert.That(head.AsSpan(0, 4).SequenceEqual("VMMs"u8), Is.True);
        peer.Cpr.HangUp();
        peer.Main.Dispose();
        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("failed"));
        _fixture.AssertRunsIn(_old);
    }

    private static byte[] Frame(ushort type, ushort descriptors, uint length, uint sequence)
    {
        byte[] header = new byte[20];
        "VMMc"u8.CopyTo(header);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(4), type);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(6), descriptors);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(8), length);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(12), sequence);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(16), Checksum.Of(header.AsSpan(0, 16)));
        return header;
    }

    /// <summary>The peer fails before the switch: the guest was never stopped.</summary>
    private async Task StaysUnstopped(Func<PeerAsNew, Task> play, params string[] reasons)
    {
        await Fails(play, reasons);
        Assert.Multiple(() =>
        {
            Assert.That(_old.Events.All, Is.EqualTo(new[] { "setup", "failed" }));
            Assert.That(_old.Hypervisor.Count("stop and capture"), Is.Zero, "the guest was stopped");
        });
        await RetryWorks();
    }

    /// <summary>The peer fails in the switch: the guest paid a pause.</summary>
    private async Task StaysAfterAStop(Func<PeerAsNew, Task> play, params string[]? reasons)
    {
        await Fails(play, reasons);
        var events = _old.Events.All;
        Assert.Multiple(() =>
        {
            Assert.That(events, Is.EqualTo(new[] { "setup", "STOP", "PASS 1", "active", "device", "PASS 2", "failed", "RESUME" })
                .Or.EqualTo(new[] { "setup", "STOP", "failed", "RESUME" }));
            Assert.That(_old.Hypervisor.Count("stop and capture"), Is.EqualTo(1));
        });
        await RetryWorks();
    }

    private async Task Fails(Func<PeerAsNew, Task> play, string[]? reasons)
    {
        using var peer = new PeerAsNew(_fixture);
        _old.Events.Clear();
        _old.Migrate(_fixture.Channels);
        await play(peer);
        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("failed"));
        if (_old.Hypervisor.Count("stop and capture") > 0)
        {
            await _old.Events.Of("RESUME");
        }

        Assert.That(_old.Report.Status, Is.EqualTo(MigrationStatus.Failed));
        Assert.That(
            reasons is null || reasons.Any(r => _old.Report.Error!.Contains(r, StringComparison.Ordinal)),
            Is.True,
            $"the error was: {_old.Report.Error}");
        _fixture.AssertRunsIn(_old);
    }

    private async Task RetryWorks()
    {
        _old.Set(p => p with { CprConnectTimeout = 5000, CprReadyTimeout = 10000, CprLoadTimeout = 5000 });
        var next = _fixture.New();
        await _fixture.HandOverAsync(_old, next);
        _fixture.AssertRunsIn(next);
    }
}
