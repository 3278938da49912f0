// The other half of a handover, driven by hand: it sends what a test wants it to send, at the step that a test wants, and
// then stops answering, closes or lies.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;
using Vmm.Migration.Plans;

namespace Vmm.Tests.Unit.Migration;

/// <summary>One end of a cpr channel in a test's hands. Any thread.</summary>
internal sealed class Peer : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly EventLoop _loop = new("peer");
    private readonly MessageChannel _channel;
    private readonly LoopSocket? _unframed;

    private Peer(SafeFileHandle socket)
    {
        _loop.Start();
        Connection = FileDescriptor.Duplicate(socket);
        (_channel, _unframed) = Run(() => Task.FromResult((new MessageChannel(_loop, socket), new LoopSocket(_loop, Connection)))).Result;
    }

    /// <summary>The connection itself; it is closed when the peer hangs up.</summary>
    internal SafeFileHandle Connection { get; }

    /// <summary>Descriptors that came.</summary>
    internal List<SafeFileHandle> Received { get; } = [];

    internal EventLoop Loop => _loop;

    /// <summary>Connects to a process that waits.</summary>
    internal static Peer To(string path) => new(Connecting.ToUnix(path));

    /// <summary>Takes one end of a connection.</summary>
    internal static Peer Of(SafeFileHandle socket) => new(socket);

    internal async Task<T> Run<T>(Func<Task<T>> function) => await _loop.InvokeAsync(function).WaitAsync(Timeout);

    internal Task Send(MessageType type, StateWriter body, params SafeHandle[] descriptors) => Run(async () =>
    {
        await _channel.SendAsync(type, body, descriptors, Deadline.Never);
        return true;
    });

    internal Task Send(MessageType type, params string[] texts)
    {
        var body = new StateWriter();
        PlanCodec.WriteList(body, texts, body.WriteText);
        return Send(type, body);
    }

    internal Task Greet(ushort newest = Greeting.NewestProtocol)
    {
        var hello = new StateWriter();
        hello.WriteUInt16(Greeting.OldestProtocol);
        hello.WriteUInt16(newest);
        hello.WriteText(Greeting.ProgramVersion);
        return Send(MessageType.Hello, hello);
    }

    /// <summary>Both have greeted: messages are those of this protocol version from now on.</summary>
    internal Task Settle(ushort protocol) => Run(() =>
    {
        _channel.Settle(protocol);
        return Task.FromResult(true);
    });

    /// <summary>Sends bytes that need not be a message.</summary>
    internal Task SendRaw(byte[] bytes, params SafeHandle[] descriptors) => Run(async () =>
    {
        using var borrowed = new BorrowedDescriptors(descriptors);
        await _unframed!.SendAsync(bytes, borrowed.Numbers, Deadline.Never);
        return true;
    });

    internal Task<Message> Receive() => Run(async () => await _channel.ReceiveAsync(Received, Deadline.Never));

    /// <summary>Closes the descriptors that came so far.</summary>
    internal void DropReceived()
    {
        Received.ForEach(d => d.Dispose());
        Received.Clear();
    }

    /// <summary>The next message, which must be of a type.</summary>
    internal async Task<StateReader> Receive(MessageType type)
    {
        var message = await Receive();
        Assert.That(message.Type, Is.EqualTo(type), message.Type is MessageType.Refused or MessageType.Failed ? string.Join("; ", Reasons(message)) : null);
        return message.Reader();
    }

    /// <summary>Whether the process closes the channel before it sends anything else.</summary>
    internal async Task ReceiveEnd()
    {
        try
        {
            var message = await Receive();
            Assert.Fail($"the end of the channel was expected, {message.Type} came");
        }
        catch (Vmm.Migration.Channels.HandoverException)
        {
            // The end, in one of its forms.
        }
    }

    internal static IReadOnlyList<string> Reasons(Message message)
    {
        var reader = message.Reader();
        return PlanCodec.ReadList(reader, reader.ReadText);
    }

    /// <summary>Closes the channel and continues existing.</summary>
    internal void HangUp() => Run(() =>
    {
        _channel.Dispose();
        _unframed?.Dispose();
        return Task.FromResult(true);
    }).Wait();

    public void Dispose()
    {
        HangUp();
        _loop.StopAndJoin();
        _loop.Dispose();
        DropReceived();
    }
}
