using Vmm.Core.State;

namespace Vmm.Core.Devices.Isa.I8042;

/// <summary>The keyboard controller's registers.</summary>
public sealed class I8042State
{
    internal static readonly StateLayout<I8042State> Layout = new("pckbd", version: 3)
    {
        { "write_cmd", s => ref s.PendingCommand },
        { "status", s => ref s.Status },
        { "mode", s => ref s.Mode },
        { "outport", s => ref s.OutputPort },
        { "obdata", s => ref s.Answer },
    };

    private byte _pendingCommand;
    private byte _status;
    private byte _mode;
    private byte _outputPort;
    private byte _answer;

    /// <summary>The command whose parameter the next byte on the data port is; 0 for none.</summary>
    public ref byte PendingCommand => ref _pendingCommand;

    /// <summary>The status register.</summary>
    public ref byte Status => ref _status;

    /// <summary>The mode byte.</summary>
    public ref byte Mode => ref _mode;

    /// <summary>The output lines: bit 0 high lets the processor run, bit 1 is A20.</summary>
    public ref byte OutputPort => ref _outputPort;

    /// <summary>The byte that the data port reads.</summary>
    public ref byte Answer => ref _answer;
}
