// A new process in a test's hands. It listens at the two paths where a real old process will look for it.

using System.Net.Sockets;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;
using Vmm.Migration.Plans;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Plays the new process.</summary>
internal sealed class PeerAsNew : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly Socket _cprListener;
    private readonly Socket _mainListener;
    private readonly string[] _paths;
    private Baton? _baton;

    internal PeerAsNew(HandoverFixture fixture)
        : this(fixture.CprPath, fixture.MainPath)
    {
    }

    internal PeerAsNew(string cprPath, string mainPath)
    {
        _paths = [cprPath, mainPath];
        _cprListener = Listen(cprPath);
        _mainListener = Listen(mainPath);
    }

    internal Peer Cpr { get; private set; } = null!;

    internal Socket Main { get; private set; } = null!;

    internal Plan Plan { get; private set; } = null!;

    internal List<string> Names { get; } = [];

    internal Baton Baton => _baton ??= Baton.Open(FileDescriptor.Duplicate(Cpr.Received[Names.IndexOf(DescriptorNames.Baton)]), Plan.Attempt);

    /// <summary>Accepts the old process.</summary>
    internal async Task Accept()
    {
        using var accepted = await _cprListener.AcceptAsync().WaitAsync(Timeout);
        Cpr = Peer.Of(FileDescriptor.Duplicate(accepted.SafeHandle));
    }

    /// <summary>The newest protocol version that it speaks.</summary>
    internal ushort Protocol { get; init; } = Greeting.NewestProtocol;

    /// <summary>What it reports that is not as in the old process; not sent in version 1.</summary>
    internal List<string> Warnings { get; } = [];

    /// <summary>Accepts the old process and greets it.</summary>
    internal async Task Handshake()
    {
        await Accept();
        await Cpr.Receive(MessageType.Hello);
        Cpr.DropReceived();
        await Cpr.Greet(Protocol);
        await Cpr.Settle(Protocol);
    }

    /// <summary>Also receives the plan.</summary>
    internal async Task ReceivePlan()
    {
        await Handshake();
        while (true)
        {
            var message = await Cpr.Receive();
            var reader = message.Reader();
            if (message.Type == MessageType.Plan)
            {
                Plan = PlanCodec.Read(reader, Protocol);
                return;
            }

            Assert.That(message.Type, Is.EqualTo(MessageType.Descriptors));
            Names.AddRange(PlanCodec.ReadList(reader, reader.ReadText));
        }
    }

    /// <summary>Also reports that the machine is built.</summary>
    internal async Task SendReady()
    {
        await ReceivePlan();
        await AnswerReady();
    }

    /// <summary>Reports, after it received the plan, that the machine is built.</summary>
    internal async Task AnswerReady()
    {
        await Cpr.Send(MessageType.Ready, new ReadyReport(1, 1, Warnings).Write(Protocol));
    }

    /// <summary>Also reports that it listens, and accepts the main channel.</summary>
    internal async Task AcceptMain()
    {
        await SendReady();
        await SendListening();
    }

    /// <summary>Reports that it listens, after it reported that it is ready, and accepts the main channel.</summary>
    internal async Task SendListening()
    {
        await Cpr.Send(MessageType.Listening, new StateWriter());
        Main = await _mainListener.AcceptAsync().WaitAsync(Timeout);
    }

    /// <summary>
    /// Reports that it listens, after it reported that it is ready, then sends valid messages without end, and closes the main channel unread:
    /// when that is noticed, the other one is full.
    /// </summary>
    internal async Task<Flood> BreakAndFlood()
    {
        const uint HelloAndReady = 2;
        var flood = new Flood(Cpr.Connection, HelloAndReady, first: MessageType.Listening);
        Main = await _mainListener.AcceptAsync().WaitAsync(Timeout);
        Main.Dispose();
        return flood;
    }

    /// <summary>Also receives the whole state, up to the end record.</summary>
    internal async Task<byte[]> AcceptState()
    {
        await AcceptMain();
        return await ReceiveState();
    }

    /// <summary>Receives the whole state from the main channel.</summary>
    internal async Task<byte[]> ReceiveState()
    {
        byte[] head = await Fill(StateFrame.Size);
        byte[] state = await Fill(StateFrame.ReadHead(head, Plan.Attempt));
        byte[] end = await Fill(StateFrame.Size);
        StateFrame.VerifyEnd(end, Plan.Attempt, state);
        return state;
    }

    /// <summary>Reports that the guest was taken, with all that came.</summary>
    internal async Task SendTaken()
    {
        var body = new StateWriter();
        for (int i = 0; i < 4; i++)
        {
            body.WriteUInt64(HandoverTimes.Now);
        }

        PlanCodec.WriteList(body, Names, body.WriteText);
        await Cpr.Send(MessageType.Taken, body);
    }

    public void Dispose()
    {
        Cpr?.Dispose();
        Main?.Dispose();
        _baton?.Dispose();
        _cprListener.Dispose();
        _mainListener.Dispose();
        foreach (string path in _paths)
        {
            File.Delete(path);
        }
    }

    private static Socket Listen(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        socket.Listen(4);
        return socket;
    }

    private async Task<byte[]> Fill(int count)
    {
        byte[] bytes = new byte[count];
        int at = 0;
        while (at < count)
        {
            int got = await Main.ReceiveAsync(bytes.AsMemory(at)).AsTask().WaitAsync(Timeout);
            Assert.That(got, Is.GreaterThan(0), "the main channel ended early");
            at += got;
        }

        return bytes;
    }
}
