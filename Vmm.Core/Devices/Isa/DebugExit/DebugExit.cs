// A way out for test guests: a write of v to the port ends the process with status (v << 1) | 1, which is never 0, so that
// a test's own verdict cannot be mistaken for a clean power-off. Known elsewhere as isa-debug-exit. It has no state.

using Vmm.Core.Buses;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Devices.Isa.DebugExit;

/// <summary>A port whose writes end the process.</summary>
/// <param name="firstPort">The first port.</param>
/// <param name="portCount">How many ports: 1, 2 or 4.</param>
/// <param name="power">Takes the request.</param>
public sealed class DebugExit(ushort firstPort, int portCount, IPowerControl power) : Device, IPortDevice
{
    /// <inheritdoc/>
    public PortRange Ports => new(firstPort, portCount);

    /// <inheritdoc/>
    public byte ReadByte(int offset) => 0;

    /// <inheritdoc/>
    public uint Read(int offset, int size) => 0;

    /// <inheritdoc/>
    public void WriteByte(int offset, byte value) => Write(offset, 1, value);

    /// <inheritdoc/>
    public void Write(int offset, int size, uint value) => power.RequestExit((int)((value << 1) | 1));
}
