// The vCPUs are stopped as a group. Every vCPU is kicked before any is waited for; each finishes the access it is in the middle
// of and stops. Only when all have stopped does any capture its state, because one vCPU's last access may still raise an
// interrupt in another. Capture runs on the vCPUs' own threads, in parallel.

using Vmm.Core.State;

namespace Vmm.Core.Hypervisors;

/// <summary>The vCPUs of a virtual machine, by index, stopped and started together.</summary>
public interface IVirtualCpus : IReadOnlyList<IVirtualCpu>
{
    /// <summary>When the last vCPU went into the guest after they were started; an <see cref="Machines.Instant"/>, 0 while one has not.</summary>
    ulong StartedAt { get; }

    /// <summary>Lets every vCPU run. The calling thread's boost, if it is in a <see cref="Machines.PauseScope"/>, is over.</summary>
    void Start();

    /// <summary>
    /// Stops every vCPU and completes when all are stopped (at once if they are). The continuation may run on a vCPU's thread unless the
    /// caller's SynchronizationContext takes it elsewhere.
    /// </summary>
    /// <param name="captureState">Whether each vCPU also captures its state for <see cref="IStateful.Save"/>.</param>
    /// <exception cref="HypervisorException">One cannot be stopped, or the stop was withdrawn: all run on.</exception>
    /// <exception cref="StateException">All are stopped, and the state of one could not be captured.</exception>
    Task StopAsync(bool captureState);

    /// <summary>
    /// Gives up a stop that is under way: every vCPU runs on, and the stop fails. Without effect when all have stopped, or none was asked to. Any
    /// thread.
    /// </summary>
    /// <param name="reason">Why, in the words of the stop's error.</param>
    void WithdrawStop(string reason);

    /// <summary>Has vCPUs that wait at a busy port (<see cref="IExitHandler.IsBusy"/>) ask again. Any thread; allocates nothing and never waits.</summary>
    void Wake();

    /// <summary>Applies the loaded state of every vCPU (<see cref="IStateful.Apply"/>), each on its own thread, in parallel.</summary>
    /// <param name="fromElsewhere">Whether it is of another time, or of another host: TSCs continue from where they were, and not from where they would be by now.</param>
    /// <exception cref="StateException">The hypervisor refused a part of it; the message names which.</exception>
    Task ApplyStatesAsync(bool fromElsewhere = false);

    /// <summary>
    /// The guest is about to stop until it runs elsewhere, or has just arrived: the vCPUs' threads take precedence over other threads of the
    /// host, as far as this process may do that, each until it next goes into the guest, and are chosen before ordinary ones from then on.
    /// </summary>
    /// <param name="isBoosted">False ends that now, but for a vCPU that was started and has yet to go into the guest.</param>
    void SetBoost(bool isBoosted);
}
