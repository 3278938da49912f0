using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;
using Vmm.Migration.Plans;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Each limit of the cpr channel at its edge: what is allowed passes, one more does not.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ProtocolLimitsTests : IDisposable
{
    private readonly EventLoop _loop = new("limits");
    private readonly SafeFileHandle _near;
    private readonly SafeFileHandle _far;

    public ProtocolLimitsTests()
    {
        (_near, _far) = SocketPair.Create();
        _loop.Start();
    }

    public void Dispose()
    {
        _loop.StopAndJoin();
        _loop.Dispose();
        _near.Dispose();
        _far.Dispose();
    }

    [TestCase((int)MessageType.Hello, ProtocolLimits.LargestGreeting)]
    [TestCase((int)MessageType.Descriptors, ProtocolLimits.LargestDescriptors)]
    [TestCase((int)MessageType.Plan, ProtocolLimits.LargestPlan)]
    [TestCase((int)MessageType.Refused, ProtocolLimits.LargestAnswer)]
    [TestCase((int)MessageType.Ready, ProtocolLimits.LargestAnswer)]
    [TestCase((int)MessageType.Failed, ProtocolLimits.LargestAnswer)]
    [TestCase((int)MessageType.Taken, ProtocolLimits.LargestAnswer)]
    [TestCase((int)MessageType.Listening, ProtocolLimits.LargestOther)]
    [TestCase((int)MessageType.Waiting, ProtocolLimits.LargestOther)]
    [TestCase(4711, ProtocolLimits.LargestOther)]
    [Promise(45)]
    public Task The_longest_message_of_a_type_is_read_and_a_longer_one_is_refused_unread(int type, int largest) => Run(async () =>
    {
        using var near = new MessageChannel(_loop, _near);
        using var far = new MessageChannel(_loop, _far);
        var body = new StateWriter(16);
        body.Reserve(largest);
        var sent = near.SendAsync((MessageType)type, body, AnswerDeadline()).AsTask();
        Assert.That((await far.ReceiveAsync([], AnswerDeadline())).Body.Length, Is.EqualTo(largest));
        await sent;

        byte[] header = Flood.Frame((MessageType)type, sequence: 1, hasChecksum: false);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(8), (uint)largest + 1);
        UnixSocket.Send(_near, header, []);
        var error = await Caught(async () => await far.ReceiveAsync([], AnswerDeadline()));
        Assert.That(error.Message, Does.Contain($"announced a message of {largest + 1} bytes and 0 descriptors; at most {largest} and 253 are taken"));
    });

    [Test]
    [Promise(45)]
    public Task What_was_announced_and_has_not_come_takes_no_memory() => Run(async () =>
    {
        using var far = new MessageChannel(_loop, _far);
        byte[] header = Flood.Frame(MessageType.Plan, sequence: 0, hasChecksum: false);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(8), ProtocolLimits.LargestPlan);
        UnixSocket.Send(_near, header, []);

        // The receive runs on this thread up to where it waits for the body.
        long before = GC.GetAllocatedBytesForCurrentThread();
        var receive = far.ReceiveAsync([], AnswerDeadline()).AsTask();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(2 * ProtocolLimits.FirstBuffer));

        _near.Dispose();
        await Caught(() => receive);
    });

    [Test]
    [Promise(45)]
    public Task Descriptors_on_every_byte_of_a_message_are_no_more_than_a_message_may_carry() => Run(async () =>
    {
        using var far = new MessageChannel(_loop, _far);
        using var file = EventFd.Create();
        using var borrowed = new BorrowedDescriptors([.. Enumerable.Repeat(file, 200)]);
        byte[] header = Flood.Frame(MessageType.Descriptors, sequence: 0, hasChecksum: false);
        for (int at = 0; at < 3; at++)
        {
            UnixSocket.Send(_near, header.AsSpan(at, 1), borrowed.Numbers);
        }

        var received = new List<SafeFileHandle>();
        var error = await Caught(async () => await far.ReceiveAsync(received, AnswerDeadline()));

        Assert.That(error.Message, Does.EndWith("sent more than the 253 descriptors that a message may carry"));
        Assert.That(received, Has.Count.EqualTo(400), "no more was read");
        received.ForEach(d => d.Dispose());
    });

    [Test]
    [Promise(45)]
    public Task After_the_deadline_a_bounded_part_is_read_of_what_had_come() => Run(async () =>
    {
        using var far = new MessageChannel(_loop, _far);
        SendMessages(2 * ProtocolLimits.LateReads);
        var deadline = Deadline.In(0, "peer", "did not stop");
        await _loop.Delay(TimeSpan.FromMilliseconds(5));

        int read = 0;
        var error = await Caught(async () =>
        {
            for (; ; read++)
            {
                await far.ReceiveAsync([], deadline);
            }
        });

        Assert.That((read, error.Message), Is.EqualTo((ProtocolLimits.LateReads, "peer did not stop within 0 ms")));
    });

    [Test]
    [Promise(45)]
    public Task A_peer_that_always_has_more_to_send_leaves_the_loop_its_turns() => Run(async () =>
    {
        using var far = new MessageChannel(_loop, _far);
        SendMessages(100);
        int read = 0;
        int readBefore = 0;
        _loop.Post(() => readBefore = read);

        for (; read < 100; read++)
        {
            await far.ReceiveAsync([], AnswerDeadline());
        }

        Assert.That(readBefore, Is.InRange(1, ProtocolLimits.ReadsInTurn));
    });

    [TestCase(ProtocolLimits.MessagesForCause - 1, true)]
    [TestCase(ProtocolLimits.MessagesForCause, false)]
    [Promise(45)]
    public Task The_cause_of_a_hang_up_is_looked_for_in_a_bounded_number_of_messages(int before, bool found) => Run(async () =>
    {
        using var peer = new NewPeer(new MessageChannel(_loop, _far));
        SendMessages(before);
        var reasons = new StateWriter(64);
        PlanCodec.WriteList(reasons, ["no room"], reasons.WriteText);
        byte[] refusal = Flood.Frame(MessageType.Refused, (uint)before, hasChecksum: false);
        BinaryPrimitives.WriteUInt32BigEndian(refusal.AsSpan(8), (uint)reasons.Length);
        UnixSocket.Send(_near, [.. refusal, .. reasons.Written], []);

        var failure = new PosixException("send", HostSocket.BrokenPipe);
        var cause = await peer.CauseAsync(failure);

        Assert.That(cause.Message, Does.EndWith(found ? "refused the guest: no room" : failure.Message));
    });

    private static Deadline AnswerDeadline() => Deadline.In(10_000, "the test", "waited");

    private static async Task<HandoverException> Caught(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (HandoverException e)
        {
            return e;
        }

        throw new AssertionException("an error was expected");
    }

    private void SendMessages(int count)
    {
        for (uint sequence = 0; sequence < count; sequence++)
        {
            UnixSocket.Send(_near, Flood.Frame(MessageType.Waiting, sequence, hasChecksum: false), []);
        }
    }

    private async Task Run(Func<Task> test) => await _loop.InvokeAsync(async () =>
    {
        await test();
        return true;
    }).WaitAsync(TimeSpan.FromSeconds(30));
}
