// The simplest console there is: one port, each byte written to it goes to the back end. Known elsewhere as isa-debugcon.
// A read answers 0xe9, whatever the port, so that a guest can find out whether the console is there.
//
// The guest has no way to be told to wait, and a vCPU thread does not wait for a host's reader: while the back end's queue is
// full, bytes are lost. It has no state; what was accepted is the back end's.

using Vmm.Core.Buses;
using Vmm.Core.Chardevs;

namespace Vmm.Core.Devices.DebugConsole;

/// <summary>A port whose bytes go to a chardev.</summary>
public sealed class DebugConsole : IPortDevice, IChardevFrontEnd
{
    /// <summary>The port where none is given.</summary>
    public const ushort DefaultPort = 0xe9;

    private const byte ReadBack = 0xe9;

    private readonly ushort _port;
    private readonly Chardev _backEnd;

    /// <summary>Creates the console and attaches it to its back end.</summary>
    /// <param name="port">The port.</param>
    /// <param name="backEnd">Where bytes go.</param>
    public DebugConsole(ushort port, Chardev backEnd)
    {
        _port = port;
        _backEnd = backEnd;
        backEnd.Attach(this);
    }

    /// <inheritdoc/>
    public PortRange Ports => new(_port, 1);

    /// <summary>There is no input.</summary>
    public int Room => 0;

    /// <inheritdoc/>
    public byte ReadByte(int offset) => ReadBack;

    /// <inheritdoc/>
    public void WriteByte(int offset, byte value) => _backEnd.Write([value]);

    /// <inheritdoc/>
    public void Receive(ReadOnlySpan<byte> bytes)
    {
    }

    /// <inheritdoc/>
    public void OutputReady()
    {
    }
}
