// The guest ABI: what the guest was shown at its first boot and may rely on for as long as it lives: its CPUID table, the KVM capabilities that were
// switched on, the frequency of its TSC. Every later process takes these over as they are. It never computes its own, because
// the program or the kernel may have changed since, and a guest reads them only once.

using Vmm.Core.Hypervisors;
using Vmm.Core.State;
using Vmm.Kvm.Cpuid;
using Vmm.Kvm.Native;

namespace Vmm.Kvm;

/// <summary>The guest ABI of a VM and its form on the wire.</summary>
/// <param name="Table">The CPUID table without what distinguishes one vCPU from another.</param>
/// <param name="TscKhz">The TSC's frequency.</param>
/// <param name="Capabilities">Capabilities that were switched on for the VM, by the kernel's numbers, in order.</param>
internal sealed record KvmGuestAbi(CpuidTable Table, uint TscKhz, IReadOnlyList<uint> Capabilities)
{
    private const uint Version = 1;
    private const uint MostCapabilities = 64;

    /// <summary>The bytes of the guest ABI.</summary>
    internal byte[] ToBytes()
    {
        var writer = new StateWriter(capacity: 4096);
        writer.WriteUInt32(Version);
        writer.WriteUInt32(TscKhz);
        writer.WriteUInt32((uint)Capabilities.Count);
        foreach (uint capability in Capabilities)
        {
            writer.WriteUInt32(capability);
        }

        writer.WriteUInt32((uint)Table.Entries.Count);
        foreach (var entry in Table.Entries)
        {
            writer.WriteUInt32(entry.Function);
            writer.WriteUInt32(entry.Index);
            writer.WriteUInt32(entry.Flags);
            writer.WriteUInt32(entry.Eax);
            writer.WriteUInt32(entry.Ebx);
            writer.WriteUInt32(entry.Ecx);
            writer.WriteUInt32(entry.Edx);
        }

        return writer.Written.ToArray();
    }

    /// <summary>Reads the bytes that another process sent.</summary>
    /// <exception cref="HypervisorException">This is no guest ABI.</exception>
    internal static KvmGuestAbi Parse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return Read(new StateReader(bytes));
        }
        catch (StateException malformed)
        {
            throw new HypervisorException($"the guest ABI (CPUID table, TSC frequency) cannot be read: {malformed.Message}", malformed);
        }
    }

    private static KvmGuestAbi Read(StateReader reader)
    {
        Expect("version", reader.ReadUInt32(), Version, Version);
        uint tscKhz = reader.ReadUInt32();
        var capabilities = new uint[Expect("capability count", reader.ReadUInt32(), 0, MostCapabilities)];
        for (int i = 0; i < capabilities.Length; i++)
        {
            capabilities[i] = reader.ReadUInt32();
        }

        var entries = new KvmCpuidEntry[Expect("CPUID entry count", reader.ReadUInt32(), 1, CpuidTable.Capacity)];
        for (int i = 0; i < entries.Length; i++)
        {
            entries[i] = new KvmCpuidEntry
            {
                Function = reader.ReadUInt32(),
                Index = reader.ReadUInt32(),
                Flags = reader.ReadUInt32(),
                Eax = reader.ReadUInt32(),
                Ebx = reader.ReadUInt32(),
                Ecx = reader.ReadUInt32(),
                Edx = reader.ReadUInt32(),
            };
        }

        Expect("bytes after the end", (uint)reader.Remaining, 0, 0);
        return new KvmGuestAbi(new CpuidTable(entries), tscKhz, capabilities);
    }

    private static uint Expect(string what, uint value, uint least, uint most) => value >= least && value <= most
        ? value
        : throw new StateException($"{what}: {least} to {most} expected, {value} found");
}
