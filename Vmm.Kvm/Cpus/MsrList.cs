// Which model-specific registers belong to a vCPU's state.
//
// KVM_GET_MSR_INDEX_LIST is the start. It leaves out the memory type ranges (MTRRs) and the machine-check banks, which a guest
// sees and writes; they are added. Some that are listed cannot be read on every host; those are left out and reported once.
// What the others hold at power-on is remembered: it is what a reset writes, and a register that another KVM refuses to take
// back may be skipped when it holds that value.

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Vmm.Core.Hypervisors;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus;

/// <summary>The registers to save, with their values at power-on.</summary>
internal sealed class MsrList
{
    internal const uint Tsc = 0x10;
    internal const uint TscDeadline = 0x6e0;

    /// <summary>Machine-check banks that a guest is given.</summary>
    internal const int MachineCheckBanks = 10;

    /// <summary>What MCG_CAP says: that number, and that there is a register which switches the banks.</summary>
    internal const ulong MachineCheckCapability = MachineCheckBanks | (1 << 8);

    /// <summary>Writing these makes KVM write the wall clock into guest memory at once.</summary>
    private const uint WallClock = 0x11;
    private const uint WallClockNew = 0x4b564d00;

    /// <summary>Hyper-V's registers; of some of them KVM computes the value when it is asked for it.</summary>
    private const uint FirstOfHyperV = 0x40000000;
    private const uint LastOfHyperV = 0x400001ff;

    private readonly KvmMsr[] _atPowerOn;
    private readonly Dictionary<uint, ulong> _values;

    private MsrList(KvmMsr[] atPowerOn, uint[] refused)
    {
        _atPowerOn = atPowerOn;
        _values = atPowerOn.ToDictionary(m => m.Index, m => m.Value);
        Refused = refused;
    }

    /// <summary>The registers and what they held at power-on.</summary>
    internal ReadOnlySpan<KvmMsr> AtPowerOn => _atPowerOn;

    /// <summary>Registers that KVM lists and does not let read.</summary>
    internal IReadOnlyList<uint> Refused { get; }

    /// <summary>Finds the registers; <paramref name="cpu"/> is a vCPU that has its CPUID table and has never run.</summary>
    internal static MsrList Of(KvmFile system, KvmFile cpu)
    {
        var granted = new List<KvmMsr>();
        var refused = new List<uint>();
        var candidates = Listed(system).Concat(Ranges()).Distinct().Select(i => new KvmMsr { Index = i }).ToArray();
        if (candidates.Length > KvmCpuState.MsrCapacity)
        {
            throw new HypervisorException($"KVM has {candidates.Length} model-specific registers, a state record has room for {KvmCpuState.MsrCapacity}");
        }

        var buffer = new MsrBuffer();
        for (var rest = candidates.AsSpan(); rest.Length > 0;)
        {
            int count = buffer.Read(cpu, rest);
            granted.AddRange(rest[..count]);
            if (count == rest.Length)
            {
                break;
            }

            refused.Add(rest[count].Index);
            rest = rest[(count + 1)..];
        }

        return new MsrList([.. granted], [.. refused]);
    }

    /// <summary>Whether a register is pushed into KVM with the others: not those that have an order or an effect of their own.</summary>
    internal static bool IsPlain(uint index) => index is not (Tsc or TscDeadline or WallClock or WallClockNew);

    /// <summary>Whether a register keeps what was pushed into it until its vCPU runs.</summary>
    internal static bool IsSteady(uint index) => IsPlain(index) && index is < FirstOfHyperV or > LastOfHyperV;

    /// <summary>What the register holds at power-on; 0 for one that this KVM does not have.</summary>
    internal ulong ValueAtPowerOn(uint index) => _values.GetValueOrDefault(index);

    private static uint[] Listed(KvmFile system)
    {
        const int TooSmall = -7; // E2BIG: the kernel has written how many there are
        var list = new byte[4];
        int result = system.TryCall(KvmRequest.GetMsrIndexList, list);
        if (result is not (0 or TooSmall))
        {
            system.Call(KvmRequest.GetMsrIndexList, list);
        }

        uint count = BinaryPrimitives.ReadUInt32LittleEndian(list);
        list = new byte[4 + (4 * count)];
        BinaryPrimitives.WriteUInt32LittleEndian(list, count);
        system.Call(KvmRequest.GetMsrIndexList, list);
        return MemoryMarshal.Cast<byte, uint>(list.AsSpan(4)).ToArray();
    }

    private static IEnumerable<uint> Ranges()
    {
        const uint VariableMtrrs = 0x200;
        const uint McgStatus = 0x17a;
        const uint MachineCheck = 0x400;
        var fixedMtrrs = (ReadOnlySpan<uint>)[0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f, 0x2ff];
        return fixedMtrrs.ToArray()
            .Concat(Enumerable.Range(0, 8 * 2).Select(i => VariableMtrrs + (uint)i))
            .Append(McgStatus).Append(McgStatus + 1)
            .Concat(Enumerable.Range(0, MachineCheckBanks * 4).Select(i => MachineCheck + (uint)i));
    }
}
