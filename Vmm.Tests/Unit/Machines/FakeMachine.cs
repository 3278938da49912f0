using System.Runtime.InteropServices;
using System.Text;
using Vmm.Core.Hypervisors;

namespace Vmm.Tests.Unit.Machines;

/// <summary>A VM of the <see cref="FakeHypervisor"/>.</summary>
internal sealed class FakeMachine : IVirtualMachine, IMemorySlots, IGuestClock
{
    private static int _made;

    private readonly FakeHypervisor _hypervisor;

    internal FakeMachine(FakeHypervisor hypervisor, VirtualMachineOptions options)
    {
        _hypervisor = hypervisor;
        FakeCpus = [.. Enumerable.Range(0, options.Topology.Count).Select(i => new FakeCpu(hypervisor, i))];
        Device = new FakeKernelDevice(hypervisor, hypervisor.DeviceLayout);
        Cpus = new FakeCpuGroup(hypervisor, this);
        KernelDevices = new FakeKernelDevices(hypervisor, Device);
        GuestAbi = options.InheritedAbi.IsEmpty
            ? Encoding.ASCII.GetBytes($"guest ABI of VM {Interlocked.Increment(ref _made)}")
            : options.InheritedAbi.ToArray();
    }

    public IVirtualCpus Cpus { get; }

    public IMemorySlots Memory => this;

    public IKernelDevices KernelDevices { get; }

    public IGuestClock Clock => this;

    public ReadOnlyMemory<byte> GuestAbi { get; }

    public SafeHandle? Descriptor => null;

    internal IReadOnlyList<FakeCpu> FakeCpus { get; }

    internal FakeKernelDevice Device { get; }

    internal List<MemorySlot> Slots { get; } = [];

    internal bool IsRunning { get; set; }

    internal bool IsBoosted { get; private set; }

    internal bool WasBoosted { get; private set; }

    internal bool IsClockFrozen { get; private set; }

    internal TaskCompletionSource Disposed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Add(MemorySlot slot) => Slots.Add(slot);

    public IInterrupts Interrupts { get; } = new FakeInterrupts();

    public IDoorbells Doorbells { get; } = new FakeDoorbells();

    internal void SetBoost(bool isBoosted)
    {
        if (!isBoosted && _hypervisor.FailToLower is { } failure)
        {
            throw failure;
        }

        IsBoosted = isBoosted;
        WasBoosted |= isBoosted;
    }

    public void Freeze() => IsClockFrozen = _hypervisor.RefuseClock is { } reason ? throw new HypervisorException(reason) : true;

    public void Thaw() => IsClockFrozen = _hypervisor.RefuseClock is { } reason ? throw new HypervisorException(reason) : false;

    public void Dispose()
    {
        _hypervisor.Note("dispose");
        IsRunning = false;
        _hypervisor.Ownership.Stops(this);
        Disposed.TrySetResult();
    }
}
