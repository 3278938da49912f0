// Which fields of the section "cpu" are model-specific registers. One table serves both ways.
//
// vmm-cpu has the list of registers, in KVM's order, and of each of them what its field does not say, as an exclusive or: 0 where the field says all of
// it, the upper half of a register whose field is narrower, and everything of one that has no field. A field that has changed since
// is therefore what the register gets. Two of KVM's registers have another number for the same thing; they share the field.

using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>Model-specific registers as fields of the section.</summary>
internal static class CpuMsrs
{
    internal const ulong PollControlAtReset = 1;
    internal const ulong MiscEnableAtReset = 1;
    internal const ulong TscScaleAtReset = 1UL << 32;
    private const ulong PatAtReset = 0x0007040600070406;
    private const uint SmbaseAtReset = 0x30000;
    private const uint VariableRanges = 0x200;
    private const int VariableRangeRegisters = 16;
    private const int WidestAddress = 52;

    /// <summary>KVM has no more performance counters, QEMU's section has room for more: the numbers behind these are of other registers.</summary>
    private const int CountersOfKvm = 8;

    private static readonly Dictionary<uint, Field> Fields = WithRows(new()
    {
        [0x10] = Of(s => ref s.Tsc),
        [0x11] = Of(s => ref s.WallClock),
        [0x12] = Of(s => ref s.SystemTime),
        [0x34] = Of(s => ref s.SmiCount),
        [0x3a] = Of(s => ref s.FeatureControl),
        [0x3b] = Of(s => ref s.TscAdjust),
        [0x48] = Of(s => ref s.SpecCtrl),
        [0x9e] = Of(s => ref s.Smbase, SmbaseAtReset),
        [0xe1] = Of(s => ref s.Umwait),
        [0x122] = Of(s => ref s.TsxCtrl),
        [0x174] = Of(s => ref s.SysenterCs),
        [0x175] = Of(s => ref s.SysenterEsp),
        [0x176] = Of(s => ref s.SysenterEip),
        [0x17a] = Of(s => ref s.McgStatus),
        [0x17b] = Of(s => ref s.McgCtl),
        [0x1a0] = Of(s => ref s.MiscEnable, MiscEnableAtReset),
        [0x1c4] = Of(s => ref s.Xfd),
        [0x1c5] = Of(s => ref s.XfdErr),
        [0x250] = Of(s => ref s.MtrrFixed[0]),
        [0x258] = Of(s => ref s.MtrrFixed[1]),
        [0x259] = Of(s => ref s.MtrrFixed[2]),
        [0x277] = Of(s => ref s.Pat, PatAtReset),
        [0x2ff] = Of(s => ref s.MtrrDefType),
        [0x38d] = Of(s => ref s.FixedControl),
        [0x38e] = Of(s => ref s.GlobalStatus),
        [0x38f] = Of(s => ref s.GlobalControl),
        [0x390] = Of(s => ref s.GlobalOverflow),
        [0x560] = Of(s => ref s.TraceBase),
        [0x561] = Of(s => ref s.TraceMask),
        [0x570] = Of(s => ref s.TraceControl),
        [0x571] = Of(s => ref s.TraceStatus),
        [0x572] = Of(s => ref s.TraceCr3),
        [0x6e0] = Of(s => ref s.TscDeadline),
        [0x6e1] = Of(s => ref s.Pkrs),
        [0xda0] = Of(s => ref s.Xss),
        [0x4b564d00] = Of(s => ref s.WallClock),
        [0x4b564d01] = Of(s => ref s.SystemTime),
        [0x4b564d02] = Of(s => ref s.AsyncPfEnable),
        [0x4b564d03] = Of(s => ref s.StealTime),
        [0x4b564d04] = Of(s => ref s.PvEoi),
        [0x4b564d05] = Of(s => ref s.PollControl, PollControlAtReset),
        [0x4b564d06] = Of(s => ref s.AsyncPfInterrupt),
        [0xc0000081] = Of(s => ref s.Star),
        [0xc0000082] = Of(s => ref s.Lstar),
        [0xc0000083] = Of(s => ref s.Cstar),
        [0xc0000084] = Of(s => ref s.Fmask),
        [0xc0000102] = Of(s => ref s.KernelGsBase),
        [0xc0000103] = Of(s => ref s.TscAux),
        [0xc0000104] = Of(s => ref s.TscScale, TscScaleAtReset),
        [0xc0010015] = Of(s => ref s.Hwcr),
        [0xc0010117] = Of(s => ref s.VmHsave),
        [0xc001011f] = Of(s => ref s.VirtSsbd),
    });

    private delegate ref ulong Wide(SavedCpu cpu);

    private delegate ref uint Narrow(SavedCpu cpu);

    private delegate ref ulong WideOfRow(SavedCpu cpu, int index);

    /// <summary>Gives all of the fields the value that the registers have after power-on.</summary>
    internal static void SetToDefaults(SavedCpu cpu)
    {
        foreach (var field in Fields.Values)
        {
            field.Set(cpu, field.AtReset);
        }
    }

    /// <summary>Fills the fields; the result is what they do not say.</summary>
    internal static SavedMsr[] Fill(SavedCpu cpu, ReadOnlySpan<KvmMsr> own, int physicalBits)
    {
        SetToDefaults(cpu);
        foreach (ref readonly var msr in own)
        {
            if (Fields.TryGetValue(msr.Index, out var field))
            {
                field.Set(cpu, msr.Value | TopBits(msr.Index, physicalBits));
            }
        }

        var rest = new SavedMsr[own.Length];
        for (int i = 0; i < own.Length; i++)
        {
            rest[i] = new SavedMsr { Index = own[i].Index, Rest = own[i].Value ^ Said(cpu, own[i].Index, physicalBits) };
        }

        return rest;
    }

    /// <summary>Makes the registers of the fields and what they do not say.</summary>
    internal static void Take(SavedCpu cpu, ReadOnlySpan<SavedMsr> rest, Span<KvmMsr> own, int physicalBits)
    {
        for (int i = 0; i < own.Length; i++)
        {
            own[i] = new KvmMsr { Index = rest[i].Index, Value = rest[i].Rest ^ Said(cpu, rest[i].Index, physicalBits) };
        }
    }

    private static ulong Said(SavedCpu cpu, uint index, int physicalBits) =>
        Fields.TryGetValue(index, out var field) ? field.Get(cpu) & ~TopBits(index, physicalBits) : 0;

    /// <summary>
    /// The bits of a range's mask that this processor's addresses do not have. QEMU sets them, so that the mask is as good on a processor with longer ones.
    /// </summary>
    private static ulong TopBits(uint index, int physicalBits) =>
        index is >= VariableRanges and < VariableRanges + VariableRangeRegisters && index % 2 == 1 ? (1UL << WidestAddress) - (1UL << physicalBits) : 0;

    private static Field Of(Wide field, ulong atReset = 0) => new(s => field(s), (s, value) => field(s) = value, atReset);

    private static Field Of(Narrow field, uint atReset = 0) => new(s => field(s), (s, value) => field(s) = (uint)value, atReset);

    private static Dictionary<uint, Field> WithRows(Dictionary<uint, Field> fields)
    {
        AddRow(0x268, 8, (s, i) => ref s.MtrrFixed[3 + i]);
        AddRow(0x309, SavedCpu.FixedCounters, (s, i) => ref s.FixedCounter[i]);
        AddRow(0xc1, CountersOfKvm, (s, i) => ref s.Counter[i]);
        AddRow(0x186, CountersOfKvm, (s, i) => ref s.EventSelect[i]);
        AddRow(0x400, SavedCpu.MachineCheckRegisters, (s, i) => ref s.MceBanks[i]);
        AddRow(0x580, SavedCpu.TraceAddresses, (s, i) => ref s.TraceAddress[i]);
        AddRow(VariableRanges, VariableRangeRegisters, (s, i) => ref i % 2 == 0 ? ref s.MtrrVar[i / 2].Base : ref s.MtrrVar[i / 2].Mask);
        return fields;

        void AddRow(uint first, int count, WideOfRow field)
        {
            for (int i = 0; i < count; i++)
            {
                int index = i;
                fields.Add(first + (uint)i, Of(s => ref field(s, index)));
            }
        }
    }

    private readonly record struct Field(Func<SavedCpu, ulong> Get, Action<SavedCpu, ulong> Set, ulong AtReset);
}
