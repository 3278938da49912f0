using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Vmm.Core.Hypervisors;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpuid;

/// <summary>What CPUID answers: one entry a leaf (or subleaf), as KVM_SET_CPUID2 takes them.</summary>
internal sealed class CpuidTable
{
    /// <summary>KVM_MAX_CPUID_ENTRIES.</summary>
    internal const int Capacity = 256;

    private const int Header = 8;

    private readonly List<KvmCpuidEntry> _entries;

    internal CpuidTable(IEnumerable<KvmCpuidEntry> entries) => _entries = [.. entries];

    /// <summary>The entries, in KVM's order.</summary>
    internal IReadOnlyList<KvmCpuidEntry> Entries => _entries;

    /// <summary>One register; 0 where the table has no such leaf.</summary>
    internal uint this[CpuidWord word]
    {
        get
        {
            int at = Find(word.Function, word.Index);
            return at < 0 ? 0 : Register(ref CollectionsMarshal.AsSpan(_entries)[at], word.Register);
        }

        set
        {
            int at = Find(word.Function, word.Index);
            if (at < 0)
            {
                if (value == 0)
                {
                    return;
                }

                at = _entries.Count;
                _entries.Add(new KvmCpuidEntry { Function = word.Function, Index = word.Index, Flags = FlagsOf(word.Function) });
            }

            Register(ref CollectionsMarshal.AsSpan(_entries)[at], word.Register) = value;
        }
    }

    /// <summary>What this host's KVM can give a guest.</summary>
    internal static CpuidTable Supported(KvmFile system)
    {
        var argument = new byte[Header + (Capacity * Unsafe.SizeOf<KvmCpuidEntry>())];
        BitConverter.TryWriteBytes(argument, (ulong)Capacity);
        system.Call(KvmRequest.GetSupportedCpuid, argument);
        int count = BitConverter.ToInt32(argument);
        return new CpuidTable(MemoryMarshal.Cast<byte, KvmCpuidEntry>(argument.AsSpan(Header))[..count].ToArray());
    }

    /// <summary>A copy that can be changed by itself.</summary>
    internal CpuidTable Copy() => new(_entries);

    /// <summary>Gives a vCPU this table.</summary>
    internal void Install(KvmFile cpu)
    {
        if (_entries.Count > Capacity)
        {
            throw new HypervisorException($"a CPUID table of {_entries.Count} entries; KVM takes {Capacity}");
        }

        var entries = MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_entries));
        var argument = new byte[Header + entries.Length];
        BitConverter.TryWriteBytes(argument, (ulong)_entries.Count);
        entries.CopyTo(argument.AsSpan(Header));
        cpu.Call(KvmRequest.SetCpuid2, argument);
    }

    /// <summary>Whether the table has a leaf.</summary>
    internal bool Has(uint function, uint index = 0) => Find(function, index) >= 0;

    /// <summary>The subleaves of a function, by index.</summary>
    internal IReadOnlyList<uint> Subleaves(uint function) => [.. _entries.Where(e => e.Function == function).Select(e => e.Index)];

    /// <summary>Takes leaves out.</summary>
    internal void Remove(Predicate<KvmCpuidEntry> leaves) => _entries.RemoveAll(leaves);

    /// <summary>Sets all four registers of a leaf.</summary>
    internal void Set(uint function, uint index, uint eax, uint ebx, uint ecx, uint edx)
    {
        var entry = new KvmCpuidEntry
        {
            Function = function,
            Index = index,
            Flags = FlagsOf(function),
            Eax = eax,
            Ebx = ebx,
            Ecx = ecx,
            Edx = edx,
        };
        int at = Find(function, index);
        if (at < 0)
        {
            _entries.Add(entry);
        }
        else
        {
            _entries[at] = entry;
        }
    }

    /// <summary>Switches one bit.</summary>
    internal void SetBit(CpuidWord word, int bit, bool on) =>
        this[word] = on ? this[word] | (1u << bit) : this[word] & ~(1u << bit);

    private static ref uint Register(ref KvmCpuidEntry entry, CpuidRegister register)
    {
        switch (register)
        {
            case CpuidRegister.Eax:
                return ref entry.Eax;
            case CpuidRegister.Ebx:
                return ref entry.Ebx;
            case CpuidRegister.Ecx:
                return ref entry.Ecx;
            default:
                return ref entry.Edx;
        }
    }

    private static uint FlagsOf(uint function) =>
        function is 4 or 7 or 0xb or 0xd or 0xf or 0x10 or 0x12 or 0x14 or 0x17 or 0x18 or 0x1d or 0x1e or 0x1f or 0x24 or 0x8000001d
            ? KvmCpuidEntry.SignificantIndex
            : 0;

    private int Find(uint function, uint index) => _entries.FindIndex(e => e.Function == function && e.Index == index);
}
