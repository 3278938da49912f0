// What the machine needs of a hypervisor: memory slots, interrupt wires, vCPUs that can be stopped and started together,
// and the state of what lives in the kernel.
//
// Stopping is a group affair. Every vCPU is kicked before any is waited for; each finishes the access it is in the middle
// of and stops. Only when all have stopped does any capture its state, because one vCPU's last access may still raise an
// interrupt in another. Capture runs on the vCPUs' own threads, in parallel.

using Vmm.Core.State;

namespace Vmm.Core.Hypervisors;

/// <summary>A virtual machine of a hypervisor.</summary>
public interface IVirtualMachine : IDisposable
{
    /// <summary>The vCPUs, by index.</summary>
    IReadOnlyList<IVirtualCpu> Cpus { get; }

    /// <summary>In-kernel devices in the order in which they are saved and loaded: interrupt controllers, PIT, clock.</summary>
    IReadOnlyList<IStateful> KernelDevices { get; }

    /// <summary>
    /// The guest ABI, set at the first boot and granted verbatim by every later process: CPUID table, enabled
    /// capabilities, TSC frequency. Opaque; handed to the next process's <see cref="VirtualMachineOptions.InheritedAbi"/>.
    /// </summary>
    ReadOnlyMemory<byte> GuestAbi { get; }

    /// <summary>Gives the guest memory.</summary>
    /// <param name="slot">Which; slots do not overlap.</param>
    void AddMemory(MemorySlot slot);

    /// <summary>Its interrupts.</summary>
    IInterrupts Interrupts { get; }

    /// <summary>Writes of the guest that signal an eventfd.</summary>
    IDoorbells Doorbells { get; }

    /// <summary>Puts the in-kernel devices into their power-on state. The vCPUs are stopped.</summary>
    void ResetKernelDevices();

    /// <summary>
    /// The guest is about to stand still until it runs elsewhere, or has just come: the vCPUs' threads go before what else the host does, as far as
    /// this process may have it so, each until it next goes into the guest.
    /// </summary>
    /// <param name="isBoosted">False ends that now, but for a vCPU that was started and has yet to go into the guest.</param>
    void SetBoost(bool isBoosted);

    /// <summary>Lets every vCPU run. The calling thread's boost, if it is in a <see cref="Machines.PauseScope"/>, is over.</summary>
    void StartCpus();

    /// <summary>When the last vCPU went into the guest after they were started; an <see cref="Machines.Instant"/>, 0 while one has not.</summary>
    ulong StartedAt { get; }

    /// <summary>
    /// Stops every vCPU and completes when all are stopped (at once if they are). The continuation may run on a vCPU's thread unless the
    /// caller's SynchronizationContext takes it elsewhere.
    /// </summary>
    /// <param name="captureState">Whether each vCPU also captures its state for <see cref="IStateful.Save"/>.</param>
    /// <exception cref="HypervisorException">One cannot be stopped, or the stop was withdrawn: all run on.</exception>
    /// <exception cref="StateException">All are stopped, and the state of one could not be captured.</exception>
    Task StopCpusAsync(bool captureState);

    /// <summary>
    /// Gives up a stop that is under way: every vCPU runs on, and the stop fails. Without effect when all have stopped, or none was told to. Any
    /// thread.
    /// </summary>
    /// <param name="reason">Why, in the words of the stop's error.</param>
    void WithdrawStop(string reason);

    /// <summary>Has vCPUs that wait at a busy port (<see cref="IExitHandler.IsBusy"/>) ask again. Any thread; allocates nothing and never waits.</summary>
    void WakeCpus();

    /// <summary>Applies the loaded state of every vCPU (<see cref="IStateful.Apply"/>), each on its own thread, in parallel.</summary>
    /// <exception cref="StateException">The hypervisor refused a part of it; the message names which.</exception>
    Task ApplyCpuStatesAsync();

    /// <summary>Freezes the guest's paravirtual clock, for a pause that the guest's time shall not show.</summary>
    void FreezeClock();

    /// <summary>Lets the paravirtual clock go on from where it was frozen.</summary>
    void ThawClock();
}
