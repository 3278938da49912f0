// An old process in a test's hands. Its guest is a real machine's, so that what it sends is right until a test spoils it.

using System.Net.Sockets;
using System.Runtime.InteropServices;
using Vmm.Core.Descriptors;
using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;
using Vmm.Migration.Plans;
using Vmm.Migration.Streams;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Plays the old process.</summary>
internal sealed class PeerAsOld : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly HandoverFixture _fixture;
    private readonly MachineHost _source;

    internal PeerAsOld(HandoverFixture fixture, MachineHost source)
    {
        _fixture = fixture;
        _source = source;
        Cpr = Peer.To(fixture.CprPath);
        Plan = source.Do(() => OutgoingPlan.Of(source.Machine, source.Machine.Board!, Baton.Attempt, 10, SignOfLifeWithin, isPreflight: false));
        HandoverDescriptors = [.. source.Do(() => source.Machine.Handover.Descriptors.ToList()), new HandoverDescriptor("baton", Baton.File)];
    }

    /// <summary>How often it wants a sign of life of a new process that waits for its operator, in milliseconds.</summary>
    internal const uint SignOfLifeWithin = 20;

    internal Peer Cpr { get; }

    internal Baton Baton { get; } = Baton.Create();

    internal Plan Plan { get; set; }

    internal List<HandoverDescriptor> HandoverDescriptors { get; }

    internal Socket? Main { get; private set; }

    /// <summary>The state on the main channel: head, stream, end record.</summary>
    internal byte[] Frames(byte[]? state = null)
    {
        state ??= State();
        byte[] frames = new byte[state.Length + (2 * StateFrame.Size)];
        StateFrame.WriteHead(frames, Baton.Attempt, state.Length);
        state.CopyTo(frames, StateFrame.Size);
        StateFrame.WriteEnd(frames.AsSpan(StateFrame.Size + state.Length), Baton.Attempt, state);
        return frames;
    }

    /// <summary>The guest's state.</summary>
    internal byte[] State() => _source.Do(() =>
    {
        var writer = new StateWriter();
        var board = _source.Machine.Board!;
        VmStateWriter.Write(writer, _source.Machine.Configuration.MachineType, RamTable.Of(board), board.Sections);
        new PauseInstants(1, 2, 3, 4).Write(writer);
        return writer.Written.ToArray();
    });

    internal async Task Handshake()
    {
        await Cpr.Greet(Protocol);
        await Cpr.Receive(MessageType.Hello);
        await Cpr.Settle(Protocol);
    }

    /// <summary>The newest protocol version that it speaks.</summary>
    internal ushort Protocol { get; init; } = Greeting.NewestProtocol;

    /// <summary>What is not in the new process as here; known when it is ready.</summary>
    internal IReadOnlyList<string> Warnings { get; private set; } = [];

    internal Task SendDescriptors() => SendDescriptors(HandoverDescriptors);

    internal Task SendDescriptors(IReadOnlyList<HandoverDescriptor> descriptors)
    {
        var body = new StateWriter();
        PlanCodec.WriteList(body, descriptors, c => body.WriteText(c.Name));
        return Cpr.Send(MessageType.Descriptors, body, [.. descriptors.Select(c => (SafeHandle)c.Handle)]);
    }

    internal Task SendPlan()
    {
        var body = new StateWriter();
        PlanCodec.Write(body, Plan, Protocol);
        return Cpr.Send(MessageType.Plan, body);
    }

    /// <summary>Greets, sends descriptors and plan, and waits until the new process listens.</summary>
    internal async Task Prepare()
    {
        await ReceiveReady();
        await Cpr.Receive(MessageType.Listening);
    }

    /// <summary>Greets, sends descriptors and plan, and waits until the new process is ready.</summary>
    internal async Task ReceiveReady()
    {
        await Handshake();
        await SendDescriptors();
        await SendPlan();
        var ready = await Cpr.Receive(MessageType.Ready);
        Warnings = ReadyReport.Read(ready, Protocol).Warnings;
        Assert.That(ready.Remaining, Is.Zero, "nothing follows what this version of the protocol has");
    }

    /// <summary>Also opens the main channel.</summary>
    internal async Task ConnectMain()
    {
        await Prepare();
        Main = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await Main.ConnectAsync(new UnixDomainSocketEndPoint(_fixture.MainPath));
    }

    /// <summary>Stops the guest at its source, as an old process does before it sends.</summary>
    internal Task StopGuest() => _source.DoAsync(() => _source.Machine.Board!.Vm.Cpus.StopAsync(captureState: true));

    /// <summary>Sends bytes on the main channel. The new process may close while it reads.</summary>
    internal async Task SendMain(byte[] bytes)
    {
        try
        {
            int at = 0;
            while (at < bytes.Length)
            {
                at += await Main!.SendAsync(bytes.AsMemory(at)).AsTask().WaitAsync(Timeout);
            }
        }
        catch (SocketException)
        {
            // Its answer comes on the cpr channel, or is seen in its status.
        }
    }

    public void Dispose()
    {
        Main?.Dispose();
        Cpr.Dispose();
        Baton.Dispose();
    }
}
