using System.Text;
using Vmm.Core.Hypervisors;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Machines;

/// <summary>A VM of the <see cref="FakeHypervisor"/>.</summary>
internal sealed class FakeMachine : IVirtualMachine
{
    private static int _made;

    private readonly FakeHypervisor _hypervisor;

    internal FakeMachine(FakeHypervisor hypervisor, VirtualMachineOptions options)
    {
        _hypervisor = hypervisor;
        FakeCpus = [.. Enumerable.Range(0, options.Topology.Count).Select(i => new FakeCpu(hypervisor, i))];
        Device = new FakeKernelDevice(hypervisor, hypervisor.DeviceLayout);
        GuestAbi = options.InheritedAbi.IsEmpty
            ? Encoding.ASCII.GetBytes($"guest ABI of VM {Interlocked.Increment(ref _made)}")
            : options.InheritedAbi.ToArray();
    }

    public IReadOnlyList<IVirtualCpu> Cpus => FakeCpus;

    public IReadOnlyList<IStateful> KernelDevices => [Device];

    public ReadOnlyMemory<byte> GuestAbi { get; }

    internal IReadOnlyList<FakeCpu> FakeCpus { get; }

    internal FakeKernelDevice Device { get; }

    internal List<MemorySlot> Slots { get; } = [];

    internal bool IsRunning { get; private set; }

    public ulong StartedAt { get; private set; }

    internal bool IsBoosted { get; private set; }

    internal bool WasBoosted { get; private set; }

    internal bool IsClockFrozen { get; private set; }

    internal TaskCompletionSource Disposed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void AddMemory(MemorySlot slot) => Slots.Add(slot);

    public IInterrupts Interrupts { get; } = new FakeInterrupts();

    public IDoorbells Doorbells { get; } = new FakeDoorbells();

    public void ResetKernelDevices()
    {
        _hypervisor.Note("reset");
        if (_hypervisor.RefuseReset is { } reason)
        {
            throw new HypervisorException(reason);
        }

        Device.Pending = 0;
    }

    public void SetBoost(bool isBoosted)
    {
        IsBoosted = isBoosted;
        WasBoosted |= isBoosted;
    }

    public void StartCpus()
    {
        _hypervisor.Note("start");
        IsRunning = true;
        StartedAt = Core.Machines.Instant.Now;
        _hypervisor.Ownership.Starts(this);
    }

    public async Task StopCpusAsync(bool captureState)
    {
        _hypervisor.Note(captureState ? "stop and capture" : "stop");
        if (_hypervisor.WhileStopping is { } wait)
        {
            await wait();
        }

        if (_hypervisor.RefuseStop is { } reason)
        {
            throw new HypervisorException(reason);
        }

        IsRunning = false;
        _hypervisor.IsRehearsing = captureState;
        _hypervisor.Ownership.Stops(this);
    }

    public void WithdrawStop(string reason)
    {
        _hypervisor.Note("withdraw");
        _hypervisor.RefuseStop = reason;
        _hypervisor.Withdrawn.TrySetResult();
    }

    public void WakeCpus() => _hypervisor.Note("wake");

    public async Task ApplyCpuStatesAsync()
    {
        if (!_hypervisor.IsRehearsing && _hypervisor.WhileApplying is { } wait)
        {
            await wait();
        }

        foreach (var cpu in FakeCpus)
        {
            cpu.Apply();
        }

        _hypervisor.IsRehearsing = false;
    }

    public void FreezeClock() => IsClockFrozen = _hypervisor.RefuseClock is { } reason ? throw new HypervisorException(reason) : true;

    public void ThawClock() => IsClockFrozen = _hypervisor.RefuseClock is { } reason ? throw new HypervisorException(reason) : false;

    public void Dispose()
    {
        _hypervisor.Note("dispose");
        IsRunning = false;
        _hypervisor.Ownership.Stops(this);
        Disposed.TrySetResult();
    }
}
