using Vmm.Core.State;

namespace Vmm.Core.Devices.Isa.I8042;

/// <summary>The keyboard controller's registers.</summary>
internal sealed class I8042State
{
    internal static readonly StateLayout<I8042State> Layout = new("pckbd", version: 3)
    {
        { "write_cmd", s => ref s.PendingCommand },
        { "status", s => ref s.Status },
        { "mode", s => ref s.Mode },
        { "outport", s => ref s.OutputPort },
        { "obdata", s => ref s.Answer },
    };

    /// <summary>The command whose parameter the next byte on the data port is; 0 for none.</summary>
    internal byte PendingCommand;

    /// <summary>The status register.</summary>
    internal byte Status;

    /// <summary>The mode byte.</summary>
    internal byte Mode;

    /// <summary>The output lines: bit 0 high lets the processor run, bit 1 is A20.</summary>
    internal byte OutputPort;

    /// <summary>The byte that the data port reads.</summary>
    internal byte Answer;
}
