// A VM: what is made once, and in which order.
//
// The TSS and identity-map pages (Intel's real mode needs them) before any vCPU; the interrupt controllers before the vCPUs too, or
// these get no local APIC; CPUID before anything that depends on it is read. All of it happens before a handover's pause.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Buses;
using Vmm.Core.Configuration;
using Vmm.Core.Hypervisors;
using Vmm.Core.Loop;
using Vmm.Core.State;
using Vmm.Kvm.Clocks;
using Vmm.Kvm.Cpuid;
using Vmm.Kvm.Cpus;
using Vmm.Kvm.Cpus.Saved;
using Vmm.Kvm.Devices;
using Vmm.Kvm.Logging;
using Vmm.Kvm.Native;

namespace Vmm.Kvm;

/// <summary>A virtual machine of KVM.</summary>
internal sealed class KvmMachine : IVirtualMachine
{
    /// <summary>Four pages below 4 GiB that KVM uses for itself, the first for the identity map, the others for the TSS.</summary>
    internal const ulong ReservedAddress = 0xfffbc000;

    private const ulong TssAddress = ReservedAddress + 0x1000;

    /// <summary>How long a vCPU may take to stop when the machine is taken down.</summary>
    private static readonly TimeSpan LastStop = TimeSpan.FromSeconds(5);

    /// <summary>Switched on where KVM has them: both make an event that pends part of the vCPU's state.</summary>
    private static readonly KvmCapability[] Wanted = [KvmCapability.ExceptionPayload, KvmCapability.TripleFaultEvent];

    private readonly KvmFile _file;
    private readonly List<KvmCpu> _cpus = [];
    private readonly CpuGroup _group;
    private readonly KvmMemory _memory;
    private readonly ILogger _logger;
    private bool _isDisposed;

    internal KvmMachine(KvmHypervisor hypervisor, VirtualMachineOptions options, IExitHandler exits, ILogger logger)
    {
        _logger = logger;
        _file = hypervisor.Device.Create(KvmRequest.CreateVm, 0);
        _memory = new KvmMemory(_file);
        try
        {
            CheckCount(options.Topology.Count);
            var inherited = options.InheritedAbi.IsEmpty ? null : KvmGuestAbi.Parse(options.InheritedAbi);
            var table = GuestTable(hypervisor, options, inherited, logger);
            uint[] capabilities = [];
            Paced.Run(() => capabilities = EnableCapabilities(inherited?.Capabilities), CreateDevices);
            Interrupts = new KvmInterrupts(_file);
            KvmDevice[] devices =
            [
                new KvmInterruptController(_file, KvmInterruptController.PicMaster),
                new KvmInterruptController(_file, KvmInterruptController.PicSlave),
                new KvmInterruptController(_file, KvmInterruptController.IoApic),
                new KvmPit(_file),
            ];
            Doorbells = new KvmDoorbells(_file);
            foreach (var device in Paced.Each(devices))
            {
                device.RememberPowerOn();
            }

            uint tscKhz = CreateCpus(hypervisor, options, table, inherited, exits, logger);
            _cpus[0].RehearseRun();
            var clock = new KvmClock(_file, tscKhz, logger);
            GuestAbi = new KvmGuestAbi(table, tscKhz, capabilities).ToBytes();
            _group = new CpuGroup(_cpus);
            Cpus = new KvmCpus(_cpus, _group, clock);
            KernelDevices = new KvmKernelDevices(devices, clock, _group);
            Clock = new KvmGuestClock(clock, _cpus);
            foreach (var cpu in Paced.Each(_cpus))
            {
                cpu.StartThread(_group);
            }
        }
        catch
        {
            Release();
            throw;
        }
    }

    /// <inheritdoc/>
    public IVirtualCpus Cpus { get; }

    /// <inheritdoc/>
    public IMemorySlots Memory => _memory;

    /// <inheritdoc/>
    public IInterrupts Interrupts { get; }

    /// <inheritdoc/>
    public IDoorbells Doorbells { get; }

    /// <inheritdoc/>
    public IKernelDevices KernelDevices { get; }

    /// <inheritdoc/>
    public IGuestClock Clock { get; }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> GuestAbi { get; }

    /// <inheritdoc/>
    public SafeHandle Descriptor => new SafeFileHandle(_file.Descriptor, ownsHandle: false);

    /// <summary>
    /// Stops the vCPUs, ends their threads, and gives everything back. Not to be called on a vCPU's thread, nor while a thread may still
    /// drive an interrupt line. When a vCPU does not stop, all of it is left to the end of the process.
    /// </summary>
    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        if (_group.TryStopPermanently(LastStop))
        {
            Release();
        }
        else
        {
            KvmLog.NotStopped(_logger);
        }
    }

    private static CpuidTable GuestTable(KvmHypervisor hypervisor, VirtualMachineOptions options, KvmGuestAbi? inherited, ILogger logger)
    {
        var supported = hypervisor.SupportedCpuid();
        if (inherited is not null)
        {
            var ungranted = CpuidModel.Ungranted(inherited.Table, supported);
            return ungranted.Count == 0 ? inherited.Table : throw new HypervisorException(
                $"the guest was started with CPU features that this host's KVM cannot provide: {string.Join(", ", ungranted)}");
        }

        var table = CpuidModel.Build(options.Cpu, supported, out var refused);
        if (refused.Count > 0)
        {
            KvmLog.FeaturesLeftOut(logger, string.Join(", ", refused));
        }

        CpuidTopology.Shape(table, options.Topology);
        return table;
    }

    private void CheckCount(int count)
    {
        int most = Math.Min(255, _file.Extension(KvmCapability.MaxVcpus));
        if (count < 1 || count > most)
        {
            throw new HypervisorException($"{count} vCPUs were requested; 1 to {most} are possible");
        }
    }

    private uint[] EnableCapabilities(IReadOnlyList<uint>? inherited)
    {
        var enabled = inherited ?? [.. Wanted.Where(c => _file.Extension(c) != 0).Select(c => (uint)c)];
        foreach (uint capability in enabled)
        {
            if (!Wanted.Contains((KvmCapability)capability))
            {
                throw new HypervisorException($"the guest was started with KVM capability {capability}, which this program does not know");
            }

            var enable = new KvmEnableCap { Capability = capability, Argument = 1 };
            _file.Call(KvmRequest.EnableCap, ref enable);
        }

        return [.. enabled];
    }

    private void CreateDevices()
    {
        ulong identityMap = ReservedAddress;
        _file.Call(KvmRequest.SetIdentityMapAddress, ref identityMap);
        _file.Call(KvmRequest.SetTssAddress, unchecked((nint)TssAddress));
        _file.Call(KvmRequest.CreateIrqchip);
        var pit = new KvmPitConfig { Flags = KvmPitConfig.Speaker };
        _file.Call(KvmRequest.CreatePit2, ref pit);
    }

    private uint CreateCpus(
        KvmHypervisor hypervisor, VirtualMachineOptions options, CpuidTable table, KvmGuestAbi? inherited, IExitHandler exits, ILogger logger)
    {
        KvmCpuSetup? setup = null;
        foreach (int index in Paced.Each(Enumerable.Range(0, options.Topology.Count)))
        {
            var file = _file.Create(KvmRequest.CreateVcpu, index);
            try
            {
                Paced.Run(
                    () =>
                    {
                        var own = table.Copy();
                        CpuidTopology.SetApicId(own, options.Topology, index);
                        own.Install(file);
                        uint tscKhz = TscFrequency.AgreeOn(file, inherited?.TscKhz);
                        SetUpMachineCheck(file);
                        setup ??= ProbeCpuSetup(hypervisor, options, file, own, tscKhz, isFirstBoot: inherited is null, logger);
                    },
                    () => _cpus.Add(new KvmCpu(index, file, setup!, exits)));
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }

        return setup!.TscKhz;
    }

    private KvmCpuSetup ProbeCpuSetup(
        KvmHypervisor hypervisor, VirtualMachineOptions options, KvmFile cpu, CpuidTable table, uint tscKhz, bool isFirstBoot, ILogger logger)
    {
        var msrs = MsrList.Of(hypervisor.Device, cpu);
        if (isFirstBoot && msrs.Refused.Count > 0)
        {
            KvmLog.MsrsLeftOut(logger, string.Join(", ", msrs.Refused.Select(m => $"0x{m:x}")));
        }

        int xsaveSize = Math.Max(KvmCpuState.XsaveSize, _file.Extension(KvmCapability.Xsave2));
        if (xsaveSize > KvmCpuState.XsaveSize + KvmCpuState.XsaveExtraCapacity)
        {
            throw new HypervisorException($"this KVM's vector state has {xsaveSize} bytes; "
                + $"a state record has room for {KvmCpuState.XsaveSize + KvmCpuState.XsaveExtraCapacity}");
        }

        int nested = _file.Extension(KvmCapability.NestedState);
        if (nested > KvmCpuState.NestedCapacity)
        {
            throw new HypervisorException($"this KVM's nested state has {nested} bytes; a state record has room for {KvmCpuState.NestedCapacity}");
        }

        bool hasNested = nested > 0 && CpuidModel.OffersVirtualization(table);
        return new KvmCpuSetup(
            hypervisor.RunPageSize, xsaveSize, hasNested, tscKhz, msrs, _memory.Ranges, options.NameThreads, hypervisor.Threads, logger)
        {
            CreateSavedForm = (cpu, instance) => new CpuSavedForm(cpu, instance, SavedCpuModel.Of(table, tscKhz)),
        };
    }

    private void SetUpMachineCheck(KvmFile cpu)
    {
        if (_file.Extension(KvmCapability.MachineCheck) >= MsrList.MachineCheckBanks)
        {
            ulong banks = MsrList.MachineCheckCapability;
            cpu.Call(KvmRequest.SetupMce, ref banks);
        }
    }

    private void Release()
    {
        foreach (var cpu in _cpus)
        {
            cpu.Dispose();
        }

        _file.Dispose();
    }
}
