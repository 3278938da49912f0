// Which pins a global system interrupt reaches.
//
// The numbers are those of a PC's MADT: identity, except that ISA interrupt 0, the timer, sits on pin 2 of the I/O APIC, which
// is why GSI 2 leads nowhere by itself (pin 2 of the 8259 is where the slave is attached). The first 16 also reach the 8259 pair,
// so that a guest finds its interrupts whichever controller it uses.

using System.Runtime.InteropServices;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Devices;

/// <summary>The routing table of a VM.</summary>
internal static class KvmInterruptRouting
{
    /// <summary>Global system interrupts of a VM.</summary>
    internal const int Count = 24;

    private const int Header = 8;

    /// <summary>Installs the table.</summary>
    internal static void Install(KvmFile machine)
    {
        var routes = new List<KvmIrqRoute>();
        for (uint gsi = 0; gsi < Count; gsi++)
        {
            if (gsi == 2)
            {
                continue;
            }

            if (gsi < 16)
            {
                routes.Add(Route(gsi, gsi < 8 ? KvmInterruptController.PicMaster : KvmInterruptController.PicSlave, gsi % 8));
            }

            routes.Add(Route(gsi, KvmInterruptController.IoApic, gsi == 0 ? 2 : gsi));
        }

        var entries = MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(routes));
        var table = new byte[Header + entries.Length];
        BitConverter.TryWriteBytes(table, (ulong)routes.Count);
        entries.CopyTo(table.AsSpan(Header));
        machine.Call(KvmRequest.SetGsiRouting, table);
    }

    private static KvmIrqRoute Route(uint gsi, uint irqchip, uint pin) =>
        new() { Gsi = gsi, Type = KvmIrqRoute.ToIrqchip, Irqchip = irqchip, Pin = pin };
}
