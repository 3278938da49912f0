// The state on its way to the new process: what is saved of the stopped guest, and the main channel that carries it. The state goes
// out whole, then the baton is offered, then the end record follows, so that a reader that has that may take.
//
// The buffer is made while the guest runs, and written once: memory that the runtime has from the host and that was never written is not there
// yet, and a page fault costs as much as saving a device.

using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Streams;

namespace Vmm.Migration.Handover;

/// <summary>Saves and sends the state of one attempt. Machine loop only.</summary>
/// <param name="attempt">The attempt's number.</param>
/// <param name="peerName">The new process, for texts.</param>
internal sealed class OutgoingState(ulong attempt, string peerName) : IDisposable
{
    /// <summary>More than a vCPU's state has with all of its subsections.</summary>
    internal const int BytesOfCpu = 40 * 1024;

    /// <summary>More than any machine was seen to have without its vCPUs.</summary>
    private const int BytesOfMachine = 64 * 1024;

    private readonly byte[] _end = new byte[StateFrame.Size];
    private StateWriter _state = new(capacity: 0);
    private LoopSocket? _main;

    /// <summary>Bytes sent.</summary>
    internal ulong Transferred { get; private set; }

    /// <summary>What was saved: the state, and behind it the instants of the pause.</summary>
    internal ReadOnlyMemory<byte> Saved => _state.WrittenMemory[StateFrame.Size..];

    /// <summary>When the stop was decided, when the back ends were quiesced, the guest stopped, its state saved.</summary>
    internal PauseInstants Instants { get; private set; }

    /// <summary>Gives it the main channel, which now belongs to it.</summary>
    internal void Connect(LoopSocket main) => _main = main;

    /// <summary>Makes the buffer, while the guest runs. State that does not fit is saved all the same, and takes longer.</summary>
    /// <param name="vcpus">How many vCPUs' state it will be.</param>
    internal void Prepare(int vcpus)
    {
        int[] parts = [BytesOfMachine, .. Enumerable.Repeat(BytesOfCpu, vcpus)];
        _state = new StateWriter(parts.Sum());
        foreach (int part in Paced.Each(parts))
        {
            _state.Reserve(part).Clear();
        }
    }

    /// <summary>Puts the stopped machine's state into bytes.</summary>
    internal void Save(string machineType, HandoverPause pause)
    {
        _state.Clear();
        _state.Reserve(StateFrame.Size);
        VmStateWriter.Write(_state, machineType, RamTable.Of(pause.Board), pause.Board.Sections);
        Instants = PauseInstants.Of(pause);
        Instants.Write(_state);
        StateFrame.WriteHead(_state.WritableSpan(0, StateFrame.Size), attempt, _state.Length - StateFrame.Size);
    }

    /// <summary>Sends head and state.</summary>
    internal Task SendAsync(Deadline load) => SendAsync(_state.WrittenMemory, load);

    /// <summary>Sends the end record.</summary>
    internal Task SendEndAsync(Deadline load)
    {
        StateFrame.WriteEnd(_end, attempt, _state.Written[StateFrame.Size..]);
        return SendAsync(_end, load);
    }

    /// <summary>Closes the main channel.</summary>
    public void Dispose() => _main?.Dispose();

    private async Task SendAsync(ReadOnlyMemory<byte> bytes, Deadline load)
    {
        try
        {
            await _main!.SendAsync(bytes, [], load.For("did not take the state"));
            Transferred += (ulong)bytes.Length;
        }
        catch (PosixException e)
        {
            throw new HandoverException($"the main channel to {peerName} broke: {e.Reason}", e);
        }
    }
}
