using Vmm.Core.State;

namespace Vmm.Core.Devices.IoApic;

/// <summary>The registers of an I/O APIC, with the names and the order that QEMU's stream has.</summary>
internal sealed class IoApicState
{
    internal static readonly StateLayout<IoApicState> Layout = new("ioapic", version: 3)
    {
        { "id", s => ref s.Id },
        { "ioregsel", s => ref s.Select },
        { "unused", s => s.Unused, 8 },
        { "irr", s => ref s.Requested },
        { "ioredtbl", s => s.Entries, IoApicRegisters.Inputs },
    };

    /// <summary>The id, as the guest set it.</summary>
    internal byte Id;

    /// <summary>Index of the selected register.</summary>
    internal byte Select;

    /// <summary>An address that old versions of the stream had.</summary>
    internal readonly byte[] Unused = new byte[8];

    /// <summary>Inputs that wait for delivery. The lines of the inputs say that here, and it is always 0.</summary>
    internal uint Requested;

    /// <summary>The redirection entries.</summary>
    internal readonly ulong[] Entries = new ulong[IoApicRegisters.Inputs];
}
