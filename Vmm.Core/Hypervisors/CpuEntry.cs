namespace Vmm.Core.Hypervisors;

/// <summary>How the boot vCPU starts: what a boot protocol prescribes, in the CPU's terms.</summary>
public sealed record CpuEntry
{
    /// <summary>The processor mode at the first instruction.</summary>
    public required CpuEntryMode Mode { get; init; }

    /// <summary>The first instruction's address.</summary>
    public required ulong InstructionPointer { get; init; }

    /// <summary>RSI: the zero page's address in the Linux boot protocol.</summary>
    public ulong Rsi { get; init; }

    /// <summary>RBX: the start-info address in the PVH protocol.</summary>
    public ulong Rbx { get; init; }

    /// <summary>RSP, 0 where the protocol leaves it open.</summary>
    public ulong StackPointer { get; init; }

    /// <summary>CR3 in long mode: the page tables' address.</summary>
    public ulong PageTable { get; init; }

    /// <summary>GDTR base; 0 when no table is loaded. The table holds null, null, flat code at 0x10 and flat data at 0x18.</summary>
    public ulong GdtAddress { get; init; }

    /// <summary>GDTR limit in bytes minus one.</summary>
    public ushort GdtLimit { get; init; }
}
