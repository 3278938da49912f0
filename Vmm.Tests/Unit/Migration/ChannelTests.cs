using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Messages and descriptors between two ends on one loop.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ChannelTests : IDisposable
{
    private readonly EventLoop _loop = new("channels");
    private readonly SafeFileHandle _near;
    private readonly SafeFileHandle _far;

    public ChannelTests()
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

    [Test]
    public Task Messages_arrive_in_order_with_their_descriptors() => Run(async () =>
    {
        using var near = new MessageChannel(_loop, _near);
        using var far = new MessageChannel(_loop, _far);
        using var file = Memfd.Create("marked", 123);
        await near.SendAsync(MessageType.Hello, Body(1, 2, 3), AnswerDeadline());
        await near.SendAsync(MessageType.Descriptors, Body(), [file], AnswerDeadline());
        var descriptors = new List<SafeFileHandle>();

        var first = await far.ReceiveAsync(descriptors, AnswerDeadline());
        Assert.That((first.Type, first.Body.ToArray()), Is.EqualTo((MessageType.Hello, new byte[] { 1, 2, 3 })));
        Assert.That(descriptors, Is.Empty);
        var second = await far.ReceiveAsync(descriptors, AnswerDeadline());
        Assert.That(second.Type, Is.EqualTo(MessageType.Descriptors));
        Assert.That(RandomAccess.GetLength(descriptors[0]), Is.EqualTo(123));
        descriptors.ForEach(d => d.Dispose());
    });

    [Test]
    public Task A_peer_that_did_not_finish_a_message_is_distinguished_from_one_that_sent_nothing() => Run(async () =>
    {
        using var channel = new MessageChannel(_loop, _far);
        byte[] head = [.. "VMMc"u8, 0, 6, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0];
        var deadline = Deadline.In(50, "peer", "said nothing");

        var nothing = await Caught<HandoverException>(async () => await channel.ReceiveAsync([], deadline));
        UnixSocket.Send(_near, head, []);
        var half = await Caught<HandoverException>(async () => await channel.ReceiveAsync([], Deadline.In(50, "peer", "said nothing")));

        Assert.That(nothing.Message, Is.EqualTo("peer said nothing within 50 ms"));
        Assert.That(half.Message, Is.EqualTo("peer did not finish a message within 50 ms"));
    });

    [Test]
    public Task A_message_carries_253_descriptors_in_order() => Run(async () =>
    {
        using var near = new MessageChannel(_loop, _near);
        using var far = new MessageChannel(_loop, _far);
        var sent = Enumerable.Range(0, 253).Select(i => Memfd.Create("one of many", i)).ToList();
        var received = new List<SafeFileHandle>();
        await near.SendAsync(MessageType.Descriptors, Body(9), sent, AnswerDeadline());

        await far.ReceiveAsync(received, AnswerDeadline());

        Assert.That(received.Select(RandomAccess.GetLength), Is.EqualTo(Enumerable.Range(0, 253)));
        sent.Concat(received).ToList().ForEach(d => d.Dispose());
    });

    [Test]
    public Task A_message_with_254_descriptors_is_not_sent() => Run(async () =>
    {
        using var near = new MessageChannel(_loop, _near);
        using var file = EventFd.Create();
        var error = await Caught<ArgumentException>(async () =>
            await near.SendAsync(MessageType.Descriptors, Body(1), [.. Enumerable.Repeat(file, 254)], AnswerDeadline()));
        Assert.That(error.Message, Does.Contain("at most 253 descriptors"));
    });

    [Test]
    [Promise(19)]
    public Task A_message_that_announces_254_descriptors_is_refused() => Run(async () =>
    {
        using var far = new MessageChannel(_loop, _far);
        UnixSocket.Send(_near, [.. "VMMc"u8, 0, 2, 0, 254, 0, 0, 0, 0, 0, 0, 0, 0], []);
        var error = await Caught<HandoverException>(async () => await far.ReceiveAsync([], AnswerDeadline()));
        Assert.That(error.Message, Does.Contain("announced a message of 0 bytes and 254 descriptors"));
    });

    [Test]
    [Promise(19)]
    public Task Every_flipped_bit_of_a_message_is_noticed() => Run(async () =>
    {
        using var near = new MessageChannel(_loop, _near);
        near.Settle(Greeting.NewestProtocol);
        await near.SendAsync(MessageType.Plan, Body(1, 2, 3), AnswerDeadline());
        byte[] frame = new byte[64];
        frame = frame[..UnixSocket.Receive(_far, frame, [])];
        for (int bit = 0; bit < frame.Length * 8; bit++)
        {
            byte[] damaged = [.. frame];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            var (there, here) = SocketPair.Create();
            using var channel = new MessageChannel(_loop, here);
            channel.Settle(Greeting.NewestProtocol);
            UnixSocket.Send(there, damaged, []);
            there.Dispose();
            await Caught<HandoverException>(async () => await channel.ReceiveAsync([], AnswerDeadline()));
        }
    });

    [Test]
    public Task A_long_message_passes_a_narrow_socket() => Run(async () =>
    {
        using var near = new MessageChannel(_loop, _near);
        using var far = new MessageChannel(_loop, _far);
        var body = new StateWriter();
        new Random(7).NextBytes(body.Reserve(3 << 20));
        var send = near.SendAsync(MessageType.Plan, body, AnswerDeadline()).AsTask();
        Assert.That(send.IsCompleted, Is.False, "the socket takes less than this at once");

        var message = await far.ReceiveAsync([], AnswerDeadline());
        await send;

        Assert.That(message.Body.Span.SequenceEqual(body.Written), Is.True);
    });

    [Test]
    [Promise(10)]
    public Task A_send_that_is_not_taken_ends_at_its_deadline() => Run(async () =>
    {
        using var near = new MessageChannel(_loop, _near);
        var body = new StateWriter();
        body.Reserve(3 << 20);
        var error = await Caught<HandoverException>(async () =>
            await near.SendAsync(MessageType.Plan, body, Deadline.In(50, "peer", "did not read")));
        Assert.That(error.Message, Is.EqualTo("peer did not read within 50 ms"));
    });

    [Test]
    public Task Closing_here_wakes_the_waiter() => Run(async () =>
    {
        var far = new MessageChannel(_loop, _far);
        Task receive = far.ReceiveAsync([], Deadline.Never).AsTask();
        far.Dispose();
        await Caught<HandoverException>(() => receive);
        await Caught<HandoverException>(async () => await far.ReceiveAsync([], Deadline.Never));
    });

    [Test]
    public Task Closing_there_is_the_end() => Run(async () =>
    {
        using var far = new MessageChannel(_loop, _far);
        Task receive = far.ReceiveAsync([], Deadline.Never).AsTask();
        _near.Dispose();
        Assert.That(await Caught<HandoverException>(() => receive), Is.TypeOf<PeerEndedException>());
    });

    [Test]
    public Task What_was_sent_before_the_end_is_still_received() => Run(async () =>
    {
        using var far = new LoopSocket(_loop, _far);
        UnixSocket.Send(_near, [1, 2], []);
        _near.Dispose();

        // A turn of the loop passes while no one waits: the hang-up is not watched.
        await _loop.Delay(TimeSpan.FromMilliseconds(1));
        byte[] buffer = new byte[4];
        Assert.That(await far.ReceiveAsync(buffer, [], AnswerDeadline()), Is.EqualTo(2));
        Assert.That(await far.ReceiveAsync(buffer, [], AnswerDeadline()), Is.Zero);
    });

    [Test]
    public Task A_send_to_a_closed_peer_is_an_error() => Run(async () =>
    {
        using var near = new MessageChannel(_loop, _near);
        _far.Dispose();
        var error = await Caught<HandoverException>(async () => await near.SendAsync(MessageType.Ready, Body(1), AnswerDeadline()));
        Assert.That(error.Message, Is.EqualTo($"cannot send Ready to process {Environment.ProcessId}: Broken pipe"));
    });

    [Test]
    public Task Descriptors_of_a_message_that_fails_still_have_an_owner() => Run(async () =>
    {
        using var far = new MessageChannel(_loop, _far);
        using var file = EventFd.Create();
        using (var borrowed = new BorrowedDescriptors([file, file]))
        {
            UnixSocket.Send(_near, "no message at all"u8, borrowed.Numbers);
        }

        var received = new List<SafeFileHandle>();
        await Caught<HandoverException>(async () => await far.ReceiveAsync(received, AnswerDeadline()));
        Assert.That(received, Has.Count.EqualTo(2));
        received.ForEach(d => d.Dispose());
    });

    private static Deadline AnswerDeadline() => Deadline.In(10_000, "the test", "waited");

    private static StateWriter Body(params byte[] bytes)
    {
        var body = new StateWriter(16);
        body.WriteBytes(bytes);
        return body;
    }

    private static async Task<T> Caught<T>(Func<Task> action)
        where T : Exception
    {
        try
        {
            await action();
        }
        catch (T e)
        {
            return e;
        }

        throw new AssertionException($"{typeof(T).Name} was expected");
    }

    private async Task Run(Func<Task> test) => await _loop.InvokeAsync(async () =>
    {
        await test();
        return true;
    }).WaitAsync(TimeSpan.FromSeconds(30));
}
