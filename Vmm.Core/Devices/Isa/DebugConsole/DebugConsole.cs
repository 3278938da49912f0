// The simplest console there is: one port, each byte written to it goes to the back end. Known elsewhere as isa-debugcon.
// A read answers 0xe9, whatever the port, so that a guest can find out whether the console is there.
//
// There is no status that a guest could poll before it writes, so the vCPU itself is made to wait. A byte for which the back end has no
// room is kept here, and the port is busy while one is; a vCPU that has written to a busy port does not enter the guest
// again until it no longer is. Each vCPU has at most one write outstanding, which bounds what is kept.
//
// What is kept is state, and so is the waiting of the vCPU. One that is stopped while it waits has done its write, and
// waits on when it is started again, in this process or in the next: no byte is lost and none is written twice.

using Vmm.Core.Buses;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Model;
using Vmm.Core.State;

namespace Vmm.Core.Devices.Isa.DebugConsole;

/// <summary>A port whose bytes go to a chardev.</summary>
public sealed class DebugConsole : Device, IPortDevice, IStateful, IChangeableFrontEnd
{
    private const byte ReadBack = 0xe9;

    private readonly DebugConsoleState _state = new();
    private readonly ushort _port;
    private readonly Action _noLongerBusy;
    private Chardev _backEnd;

    /// <summary>Creates the console and attaches it to its back end.</summary>
    /// <param name="port">The port.</param>
    /// <param name="backEnd">Where bytes go.</param>
    /// <param name="noLongerBusy">Called when <see cref="IsBusy"/> ends, on any thread and with the back end's gate held.</param>
    public DebugConsole(ushort port, Chardev backEnd, Action noLongerBusy)
    {
        _port = port;
        _backEnd = backEnd;
        _noLongerBusy = noLongerBusy;
        backEnd.Attach(this);
    }

    /// <inheritdoc/>
    public PortRange Ports => new(_port, 1);

    /// <inheritdoc/>
    public StateLayout Layout => DebugConsoleState.Layout;

    /// <summary>Whether bytes wait for the back end.</summary>
    public bool IsBusy => Volatile.Read(ref _state.Waiting) > 0;

    /// <summary>There is no input.</summary>
    public int Room => 0;

    /// <inheritdoc/>
    public byte ReadByte(int offset) => ReadBack;

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The hypervisor lets vCPUs run on that have written to a busy port.</exception>
    public void WriteByte(int offset, byte value)
    {
        lock (_backEnd.Gate)
        {
            if (_state.Waiting == DebugConsoleState.Capacity)
            {
                throw new InvalidOperationException($"{DebugConsoleState.Capacity} bytes wait for chardev '{_backEnd.Label}', and another was written");
            }

            _state.Bytes[_state.Waiting++] = value;
            Drain();
        }
    }

    /// <inheritdoc/>
    public void Receive(ReadOnlySpan<byte> bytes)
    {
    }

    /// <inheritdoc/>
    public void OutputReady()
    {
        if (IsBusy)
        {
            Drain();
            if (!IsBusy)
            {
                _noLongerBusy();
            }
        }
    }

    /// <inheritdoc/>
    public void BackEndChanged(Chardev backEnd) => _backEnd = backEnd;

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        lock (_backEnd.Gate)
        {
            // What is behind the waiting bytes is old output; it does not travel.
            _state.Bytes.AsSpan(_state.Waiting).Clear();
            writer.Write(DebugConsoleState.Layout, _state);
        }
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        lock (_backEnd.Gate)
        {
            reader.Read(DebugConsoleState.Layout, _state);
            if (_state.Waiting is < 0 or > DebugConsoleState.Capacity)
            {
                int found = _state.Waiting;
                _state.Waiting = 0;
                throw new StateException($"debugcon waiting: 0 to {DebugConsoleState.Capacity} expected, {found} found");
            }
        }
    }

    /// <summary>Continues with output that waited.</summary>
    public void Apply()
    {
        lock (_backEnd.Gate)
        {
            Drain();
        }
    }

    /// <summary>Moves what waits into the back end as far as that goes.</summary>
    private void Drain()
    {
        if (_state.Waiting == 0)
        {
            return;
        }

        int waiting = _state.Waiting;
        int taken = _backEnd.Write(_state.Bytes.AsSpan(0, waiting));
        _state.Bytes.AsSpan(taken, waiting - taken).CopyTo(_state.Bytes);
        Volatile.Write(ref _state.Waiting, waiting - taken);
    }
}
