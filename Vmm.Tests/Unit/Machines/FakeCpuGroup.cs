using System.Collections;
using Vmm.Core.Hypervisors;
using Vmm.Core.Machines;

namespace Vmm.Tests.Unit.Machines;

/// <summary>The vCPUs of a <see cref="FakeMachine"/>.</summary>
internal sealed class FakeCpuGroup(FakeHypervisor hypervisor, FakeMachine machine) : IVirtualCpus
{
    public int Count => machine.FakeCpus.Count;

    public IVirtualCpu this[int index] => machine.FakeCpus[index];

    public ulong StartedAt { get; private set; }

    public void Start()
    {
        hypervisor.Note("start");
        if (hypervisor.RefuseStart is { } reason)
        {
            throw new HypervisorException(reason);
        }

        machine.IsRunning = true;
        hypervisor.Ownership.Starts(machine);
        if (!hypervisor.EntersLate)
        {
            Enter();
        }
    }

    /// <summary>The last vCPU goes into the guest.</summary>
    internal void Enter() => StartedAt = Instant.Now;

    public async Task StopAsync(bool captureState)
    {
        hypervisor.Note(captureState ? "stop and capture" : "stop");
        if (hypervisor.WhileStopping is { } wait)
        {
            await wait();
        }

        if (hypervisor.RefuseStop is { } reason)
        {
            throw new HypervisorException(reason);
        }

        machine.IsRunning = false;
        hypervisor.IsRehearsing = captureState;
        hypervisor.Ownership.Stops(machine);
    }

    public void WithdrawStop(string reason)
    {
        hypervisor.Note("withdraw");
        hypervisor.RefuseStop = reason;
        hypervisor.Withdrawn.TrySetResult();
    }

    public void Wake() => hypervisor.Note("wake");

    public async Task ApplyStatesAsync(bool fromElsewhere = false)
    {
        if (!hypervisor.IsRehearsing && hypervisor.WhileApplying is { } wait)
        {
            await wait();
        }

        foreach (var cpu in machine.FakeCpus)
        {
            cpu.IsOfAnotherTime = fromElsewhere;
            cpu.Apply();
        }

        hypervisor.IsRehearsing = false;
    }

    public void SetBoost(bool isBoosted) => machine.SetBoost(isBoosted);

    public IEnumerator<IVirtualCpu> GetEnumerator() => machine.FakeCpus.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
