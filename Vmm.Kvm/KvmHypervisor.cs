// KVM as the hypervisor: the descriptor of /dev/kvm, what it can do, and the VMs made from it.
//
// Everything that a VM cannot do without is checked once, here, so that a host that lacks something is refused with its name and not by the
// error number of some later call.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Vmm.Core.Hypervisors;
using Vmm.Core.State;
using Vmm.Kvm.Clocks;
using Vmm.Kvm.Cpuid;
using Vmm.Kvm.Cpus;
using Vmm.Kvm.Cpus.Saved;
using Vmm.Kvm.Devices;
using Vmm.Kvm.Native;

namespace Vmm.Kvm;

/// <summary>The kernel's hypervisor.</summary>
public sealed class KvmHypervisor : IHypervisor
{
    /// <summary>Where the device is by default.</summary>
    public const string DefaultDevice = "/dev/kvm";

    private const int ApiVersion = 12;

    private static readonly (KvmCapability Capability, string Name)[] Required =
    [
        (KvmCapability.Irqchip, "KVM_CAP_IRQCHIP"),
        (KvmCapability.UserMemory, "KVM_CAP_USER_MEMORY"),
        (KvmCapability.SetTssAddress, "KVM_CAP_SET_TSS_ADDR"),
        (KvmCapability.ExtendedCpuid, "KVM_CAP_EXT_CPUID"),
        (KvmCapability.MpState, "KVM_CAP_MP_STATE"),
        (KvmCapability.IrqRouting, "KVM_CAP_IRQ_ROUTING"),
        (KvmCapability.PitState2, "KVM_CAP_PIT_STATE2"),
        (KvmCapability.AdjustClock, "KVM_CAP_ADJUST_CLOCK"),
        (KvmCapability.VcpuEvents, "KVM_CAP_VCPU_EVENTS"),
        (KvmCapability.DebugRegisters, "KVM_CAP_DEBUGREGS"),
        (KvmCapability.Xsave, "KVM_CAP_XSAVE"),
        (KvmCapability.Xcrs, "KVM_CAP_XCRS"),
        (KvmCapability.GetTscKhz, "KVM_CAP_GET_TSC_KHZ"),
        (KvmCapability.ImmediateExit, "KVM_CAP_IMMEDIATE_EXIT"),
        (KvmCapability.Sregs2, "KVM_CAP_SREGS2"),
        (KvmCapability.Xsave2, "KVM_CAP_XSAVE2"),
    ];

    private readonly KvmFile _system;
    private readonly ILogger _logger;

    /// <summary>Opens KVM.</summary>
    /// <param name="logger">Where to log; null for nowhere.</param>
    /// <param name="device">The device's path.</param>
    /// <exception cref="HypervisorException">The host has no KVM, it may not be used, or it is too old.</exception>
    public KvmHypervisor(ILogger? logger = null, string device = DefaultDevice)
    {
        ArgumentNullException.ThrowIfNull(device);
        _logger = logger ?? NullLogger.Instance;
        int error = -KvmFile.TryOpen(device, out var system);
        _system = system ?? throw new HypervisorException(ExplainOpen(device, error));
        try
        {
            CheckVersion();
            RunPageSize = _system.Call(KvmRequest.GetVcpuMmapSize);
            KickSignal.Install();
        }
        catch
        {
            _system.Dispose();
            throw;
        }
    }

    /// <summary>The layouts of all state that KVM's part of a machine has, each once.</summary>
    public static IReadOnlyList<StateLayout> Layouts { get; } =
    [
        KvmInterruptController.PicLayout,
        KvmInterruptController.IoApicLayout,
        KvmPit.PitLayout,
        KvmClockState.Layout,
        KvmCpuState.Layout,
    ];

    /// <summary>The layouts that such state has in a saved file, where they are others, each once.</summary>
    public static IReadOnlyList<StateLayout> SavedLayouts { get; } =
    [
        .. CpuSavedForm.Layouts, PicSavedForm.Record.Layout, IoApicSavedForm.Record.Layout, PitSavedForm.Record.Layout, PitSavedForm.Record.RestLayout,
        KvmClockSavedForm.Record.Layout,
    ];

    /// <inheritdoc/>
    public string Name => "kvm";

    /// <summary>Where the vCPUs' threads come from.</summary>
    internal CpuThreads Threads { get; } = new();

    /// <summary>The descriptor of the device.</summary>
    internal KvmFile Device => _system;

    /// <summary>Bytes that a vCPU shares with its thread.</summary>
    internal int RunPageSize { get; }

    /// <summary>Whether there is a CPU feature of this name, such as "avx2"; whether this host's KVM can give it is another question.</summary>
    public static bool IsCpuFeature(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return CpuidFeatures.Find(name).Count > 0;
    }

    /// <summary>The names of all CPU features that can be switched, in alphabetical order.</summary>
    public static IEnumerable<string> CpuFeatures => CpuidFeatures.AllNames;

    /// <summary>Whether KVM can be opened here; the reason if not. Creates nothing.</summary>
    /// <param name="reason">Why not, in the words of the exception that the constructor would throw.</param>
    public static bool IsAvailable(out string reason)
    {
        try
        {
            using var probe = new KvmHypervisor();
            reason = string.Empty;
            return true;
        }
        catch (HypervisorException refusal)
        {
            reason = refusal.Message;
            return false;
        }
    }

    /// <inheritdoc/>
    public IVirtualMachine CreateMachine(VirtualMachineOptions options, IExitHandler exits)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(exits);
        return new KvmMachine(this, options, exits, _logger);
    }

    /// <summary>Makes threads for vCPUs ahead, so that a VM with as many can be created even when the host gives no more.</summary>
    /// <exception cref="HypervisorException">The host gives this process not so many.</exception>
    public void PrepareThreads(int count)
    {
        try
        {
            Threads.Prepare(count);
        }
        catch (OutOfMemoryException e)
        {
            throw new HypervisorException(
                $"cannot start the threads of {count} vCPUs: the host gives this process no memory, or no more threads", e);
        }
    }

    /// <summary>Closes the device. VMs live on.</summary>
    public void Dispose()
    {
        Threads.Dispose();
        _system.Dispose();
    }

    /// <summary>What KVM can give a guest on this host.</summary>
    internal CpuidTable SupportedCpuid() =>
        CpuidModel.Complete(CpuidTable.Supported(_system), _system.Extension(KvmCapability.TscDeadlineTimer) != 0);

    private static string ExplainOpen(string device, int error)
    {
        const int NoEntry = 2;
        const int NoDevice = 19;
        const int Access = 13;
        const int NotPermitted = 1;
        const int Busy = 16;
        string advice = error switch
        {
            NoEntry or NoDevice => "the host has no KVM: is virtualization enabled in the firmware and the module kvm_intel or kvm_amd loaded?",
            Access or NotPermitted => "this user may not use it: group membership (often 'kvm') or an ACL is needed",
            Busy => "another hypervisor is using the processor's virtualization",
            _ => "it is there and cannot be opened",
        };
        return $"open '{device}': {Marshal.GetPInvokeErrorMessage(error)}; {advice}";
    }

    private void CheckVersion()
    {
        int version = _system.Call(KvmRequest.GetApiVersion);
        if (version != ApiVersion)
        {
            throw new HypervisorException($"KVM's API version is {version}, {ApiVersion} is needed");
        }

        var missing = Required.Where(r => _system.Extension(r.Capability) == 0).Select(r => r.Name).ToArray();
        if (missing.Length > 0)
        {
            throw new HypervisorException($"this kernel's KVM is too old (5.17 or newer is needed); it lacks {string.Join(", ", missing)}");
        }
    }
}
