// Exceptions, interrupts and NMIs on their way into the guest: struct kvm_vcpu_events, in fields of the sections "cpu" and "cpu_common".
//
// QEMU's numbers say at once which and whether: -1 is none. Then KVM's structure still has the number of the last one, which stays in the rest. Whether an
// exception was injected or only pends, QEMU says in a subsection if the guest's own guest runs; otherwise it takes all of them for injected, and
// what a pending one would put into CR2 or DR6 stands there already. KVM knows the difference, so these bits are in the rest too.

using System.Runtime.InteropServices;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>struct kvm_vcpu_events and the sections.</summary>
internal static class CpuEvents
{
    private const byte DebugException = 1;
    private const byte PageFault = 14;
    private const int None = -1;

    internal static void Fill(SavedCpu cpu, in KvmVcpuEvents own)
    {
        cpu.ExceptionNumber = (own.ExceptionInjected | own.ExceptionPending) != 0 ? own.ExceptionNumber : None;
        cpu.HasErrorCode = own.HasErrorCode;
        cpu.ErrorCode = own.HasErrorCode != 0 ? (int)own.ErrorCode : 0;
        cpu.InterruptInjected = (own.InterruptInjected & 1) != 0 ? own.InterruptNumber : None;
        cpu.SoftInterrupt = own.InterruptSoft;
        cpu.NmiInjected = own.NmiInjected;
        cpu.NmiPending = own.NmiPending;
        cpu.SipiVector = own.SipiVector;
        cpu.TripleFaultPending = own.TripleFaultPending;
        bool hasInfo = own.ExceptionPending != 0 && (cpu.Hflags & HiddenFlags.Guest) != 0;
        (cpu.ExceptionPending, cpu.ExceptionInjected, cpu.ExceptionHasPayload, cpu.ExceptionPayload) =
            hasInfo ? (own.ExceptionPending, own.ExceptionInjected, own.HasPayload, own.Payload) : default;
    }

    internal static LayFields Lay(SavedCpu cpu, SavedCpuCommon common) => structure =>
    {
        ref var own = ref MemoryMarshal.AsRef<KvmVcpuEvents>(structure);
        int exception = (int)HeldBits.Require("cpu.env.exception_nr", cpu.ExceptionNumber, None, byte.MaxValue);
        int interrupt = (int)HeldBits.Require("cpu.env.interrupt_injected", cpu.InterruptInjected, None, byte.MaxValue);
        if (exception == None)
        {
            (own.ExceptionInjected, own.ExceptionPending) = (0, 0);
        }
        else
        {
            own.ExceptionNumber = (byte)exception;
            if (cpu.ExceptionPending != 0)
            {
                (own.ExceptionPending, own.ExceptionInjected) = (cpu.ExceptionPending, cpu.ExceptionInjected);
                (own.HasPayload, own.Payload) = (cpu.ExceptionHasPayload, cpu.ExceptionPayload);
            }
        }

        own.HasErrorCode = cpu.HasErrorCode;
        if (cpu.HasErrorCode != 0)
        {
            own.ErrorCode = (uint)cpu.ErrorCode;
        }

        HeldBits.SetBit(ref own.InterruptInjected, interrupt != None);
        if (interrupt != None)
        {
            own.InterruptNumber = (byte)interrupt;
        }

        own.InterruptSoft = cpu.SoftInterrupt;
        own.NmiInjected = cpu.NmiInjected;
        own.NmiPending = cpu.NmiPending;
        own.SipiVector = cpu.SipiVector;
        own.TripleFaultPending = cpu.TripleFaultPending;
        HiddenFlags.Lay(cpu, ref own);
        common.Lay(ref own);
    };

    /// <summary>An exception that the rest knows nothing of, because a field was changed since, is one that was injected.</summary>
    internal static void Complete(SavedCpu cpu, ref KvmVcpuEvents own)
    {
        if (cpu.ExceptionNumber != None && (own.ExceptionInjected | own.ExceptionPending) == 0)
        {
            own.ExceptionInjected = 1;
        }
    }

    /// <summary>Where QEMU puts the payload of a pending exception; what was there before is in the rest then.</summary>
    internal static PayloadTarget TargetOf(SavedCpu cpu, in KvmVcpuEvents own)
    {
        bool isDelivered = (own.Flags & KvmVcpuEvents.ValidPayload) != 0
            && own.ExceptionPending != 0 && own.HasPayload != 0 && (cpu.Hflags & HiddenFlags.Guest) == 0;
        return (isDelivered ? own.ExceptionNumber : 0) switch
        {
            DebugException => PayloadTarget.Dr6,
            PageFault => PayloadTarget.Cr2,
            _ => PayloadTarget.None,
        };
    }
}
