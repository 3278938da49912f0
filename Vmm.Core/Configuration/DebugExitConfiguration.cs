namespace Vmm.Core.Configuration;

/// <summary>A debug-exit port (isa-debug-exit): a write of v ends the process with status (v &lt;&lt; 1) | 1.</summary>
/// <param name="IoBase">Its first port.</param>
/// <param name="IoSize">How many ports it covers.</param>
public sealed record DebugExitConfiguration(
    ushort IoBase = DebugExitConfiguration.DefaultIoBase,
    ushort IoSize = DebugExitConfiguration.DefaultIoSize)
{
    /// <summary>The port without iobase=.</summary>
    public const ushort DefaultIoBase = 0x501;

    /// <summary>The number of ports without iosize=.</summary>
    public const ushort DefaultIoSize = 2;
}
