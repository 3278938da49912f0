using Vmm.Core.State;

namespace Vmm.Core.Devices.Isa.DebugConsole;

/// <summary>Bytes that the guest has written and the back end has had no room for.</summary>
public sealed class DebugConsoleState
{
    internal const int Capacity = 4096;

    /// <summary>Programs that speak only version 1 of the handover's protocol let bytes go for which there was no room: they have no such state.</summary>
    internal static readonly StateLayout<DebugConsoleState> Layout = new("debugcon", version: 1, mayBeAbsent: true)
    {
        { "waiting", s => ref s.Waiting },
        {
            new StateLayout<DebugConsoleState>("debugcon/output", version: 1) { { "bytes", s => s.Bytes, Capacity } },
            s => s.Waiting > 0
        },
    };

    private readonly byte[] _bytes = new byte[Capacity];
    private int _waiting;

    /// <summary>How many bytes wait.</summary>
    public ref int Waiting => ref _waiting;

    /// <summary>The bytes, oldest first; those after <see cref="Waiting"/> mean nothing.</summary>
    public Span<byte> Bytes => _bytes;
}
