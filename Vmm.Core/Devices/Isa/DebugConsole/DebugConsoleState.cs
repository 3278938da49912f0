using Vmm.Core.State;

namespace Vmm.Core.Devices.Isa.DebugConsole;

/// <summary>Bytes that the guest has written and the back end has had no room for.</summary>
internal sealed class DebugConsoleState
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

    /// <summary>The bytes, oldest first; those after <see cref="Waiting"/> mean nothing.</summary>
    internal readonly byte[] Bytes = new byte[Capacity];

    /// <summary>How many bytes wait.</summary>
    internal int Waiting;
}
