// The section "apic": a local APIC's registers as QEMU's section has them, from the page that KVM gives, where register n is at byte 16 n.
//
// Fields narrower than their register leave its other bits to the rest, and so is everything that QEMU has no field for: the version, the count that the timer
// has reached, registers of newer APICs. QEMU's times are the emulation's; on KVM it takes the timer for one that was started when the file was
// written. Here they count from that moment, because a vCPU does not know the machine's clock, and where the section is loaded they are ignored.

using System.Buffers.Binary;
using Vmm.Core.State;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>A local APIC as QEMU's section has it.</summary>
internal sealed class SavedApic
{
    private const int Id = 0x2;
    private const int TaskPriority = 0x8;
    private const int ArbitrationPriority = 0x9;
    private const int LogicalDestination = 0xd;
    private const int DestinationFormat = 0xe;
    private const int Spurious = 0xf;
    private const int InService = 0x10;
    private const int TriggerMode = 0x18;
    private const int Requests = 0x20;
    private const int ErrorStatus = 0x28;
    private const int InterruptCommand = 0x30;
    private const int LocalVectors = 0x32;
    private const int InitialCountRegister = 0x38;
    private const int DivideConfiguration = 0x3e;
    private const int IdShift = 24;
    private const int FormatShift = 28;
    private const uint Masked = 1 << 16;

    internal static readonly StateLayout<SavedApic> Layout = new("apic", version: 3)
    {
        { "apicbase", s => ref s.ApicBase },
        { "id", s => ref s.ApicId },
        { "arb_id", s => ref s.ArbId },
        { "tpr", s => ref s.Tpr },
        { "spurious_vec", s => ref s.SpuriousVec },
        { "log_dest", s => ref s.LogDest },
        { "dest_mode", s => ref s.DestMode },
        { "isr", s => s.Isr, 8 },
        { "tmr", s => s.Tmr, 8 },
        { "irr", s => s.Irr, 8 },
        { "lvt", s => s.Lvt, 6 },
        { "esr", s => ref s.Esr },
        { "icr", s => s.Icr, 2 },
        { "divide_conf", s => ref s.DivideConf },
        { "count_shift", s => ref s.CountShift },
        { "initial_count", s => ref s.InitialCount },
        { "initial_count_load_time", s => ref s.InitialCountLoadTime },
        { "next_time", s => ref s.NextTime },
        { "timer_expiry", s => ref s.TimerExpiry },
    };

    internal uint ApicBase;
    internal byte ApicId, ArbId, Tpr, LogDest, DestMode;
    internal uint SpuriousVec, Esr, DivideConf, InitialCount;
    internal readonly uint[] Isr = new uint[8];
    internal readonly uint[] Tmr = new uint[8];
    internal readonly uint[] Irr = new uint[8];
    internal readonly uint[] Lvt = new uint[6];
    internal readonly uint[] Icr = new uint[2];
    internal int CountShift;
    internal long InitialCountLoadTime, NextTime, TimerExpiry;

    internal void Fill(ReadOnlySpan<byte> page)
    {
        ApicId = (byte)(Read(page, Id) >> IdShift);
        ArbId = (byte)Read(page, ArbitrationPriority);
        Tpr = (byte)Read(page, TaskPriority);
        SpuriousVec = Read(page, Spurious);
        LogDest = (byte)(Read(page, LogicalDestination) >> IdShift);
        DestMode = (byte)(Read(page, DestinationFormat) >> FormatShift);
        foreach (var (register, values) in Rows())
        {
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = Read(page, register + i);
            }
        }

        Esr = Read(page, ErrorStatus);
        DivideConf = Read(page, DivideConfiguration);
        InitialCount = Read(page, InitialCountRegister);
        SetTimes();
    }

    internal void Lay(Span<byte> page)
    {
        Write(page, Id, IdShift, byte.MaxValue, ApicId);
        Write(page, ArbitrationPriority, 0, byte.MaxValue, ArbId);
        Write(page, TaskPriority, 0, byte.MaxValue, Tpr);
        Write(page, Spurious, 0, uint.MaxValue, SpuriousVec);
        Write(page, LogicalDestination, IdShift, byte.MaxValue, LogDest);
        Write(page, DestinationFormat, FormatShift, 0xf, DestMode);
        foreach (var (register, values) in Rows())
        {
            for (int i = 0; i < values.Length; i++)
            {
                Write(page, register + i, 0, uint.MaxValue, values[i]);
            }
        }

        Write(page, ErrorStatus, 0, uint.MaxValue, Esr);
        Write(page, DivideConfiguration, 0, uint.MaxValue, DivideConf);
        Write(page, InitialCountRegister, 0, uint.MaxValue, InitialCount);
    }

    private static uint Read(ReadOnlySpan<byte> page, int register) => BinaryPrimitives.ReadUInt32LittleEndian(page[(16 * register)..]);

    private static void Write(Span<byte> page, int register, int shift, uint mask, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(page[(16 * register)..], (Read(page, register) & ~(mask << shift)) | ((value & mask) << shift));

    /// <summary>The divider is 1, 2, 4 … 128, encoded in bits 0, 1 and 3; the timer expires a count after it has reached 0.</summary>
    private void SetTimes()
    {
        uint divider = (DivideConf & 3) | ((DivideConf >> 1) & 4);
        CountShift = (int)((divider + 1) & 7);
        InitialCountLoadTime = 0;
        bool runs = (Lvt[0] & Masked) == 0 && InitialCount != 0;
        NextTime = runs ? ((long)InitialCount + 1) << CountShift : 0;
        TimerExpiry = runs ? NextTime : -1;
    }

    private (int Register, uint[] Values)[] Rows() =>
        [(InService, Isr), (TriggerMode, Tmr), (Requests, Irr), (LocalVectors, Lvt), (InterruptCommand, Icr)];
}
