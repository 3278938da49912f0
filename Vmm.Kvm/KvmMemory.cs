using Vmm.Core.Hypervisors;
using Vmm.Kvm.Cpus;
using Vmm.Kvm.Native;

namespace Vmm.Kvm;

/// <summary>The memory slots of a VM.</summary>
internal sealed class KvmMemory(KvmFile machine) : IMemorySlots
{
    /// <summary>Which guest-physical addresses are RAM.</summary>
    internal RamRanges Ranges { get; } = new();

    /// <inheritdoc/>
    public void Add(MemorySlot slot)
    {
        var region = new KvmMemoryRegion
        {
            Slot = (uint)slot.Index,
            GuestAddress = slot.GuestAddress,
            Size = slot.Size,
            HostAddress = (ulong)slot.HostAddress,
        };
        try
        {
            machine.Call(KvmRequest.SetUserMemoryRegion, ref region);
        }
        catch (HypervisorException refusal)
        {
            throw new HypervisorException(
                $"memory slot {slot.Index}, guest address 0x{slot.GuestAddress:x}, {slot.Size} bytes: {refusal.Message}", refusal);
        }

        Ranges.Add(slot.GuestAddress, slot.Size);
    }
}
