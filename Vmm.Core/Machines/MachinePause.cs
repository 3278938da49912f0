// A guest that is kept from running: by an operator's stop, for a reset, because it shut down, or to be handed over. All of them stop it
// here, so all of them keep the same rules.
//
// A pause is entered at the machine's gate, so there is one at a time, and it knows what the guest did before. The vCPUs stop all or none. What
// the host refuses half-way is taken back: the guest does again what it did, and its run state says so. A pause ends in one of two ways: the
// guest resumes as before, or the machine is in another run state. Disposing it only opens the gate.
//
// The queues of a guest that is held rest too, until it continues: what the host had of them is waited for, so that memory and disks of a stopped
// guest stay as they are.

using System.Globalization;
using Microsoft.Extensions.Logging;
using Vmm.Core.Hypervisors;

namespace Vmm.Core.Machines;

/// <summary>The one operation that may stop the guest now. Machine loop only.</summary>
internal sealed partial class MachinePause : IDisposable
{
    private readonly Machine _machine;
    private readonly IDisposable _pass;
    private bool _isQuiesced;

    private MachinePause(Machine machine, IDisposable pass)
    {
        _machine = machine;
        _pass = pass;
        Board = machine.Board;
        Before = machine.State;
    }

    /// <summary>The hardware; null where there is no guest.</summary>
    internal Board? Board { get; }

    /// <summary>What the machine was doing; after <see cref="End"/>, what it does since.</summary>
    internal RunState Before { get; private set; }

    /// <summary>Whether the guest ran, and runs after <see cref="Resume()"/>.</summary>
    internal bool Ran => Before == RunState.Running;

    private Board Guest => Board ?? throw _machine.NoGuest();

    /// <summary>Waits for the operations that came before.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="mayBeWithdrawn">Whether who asks for it can ask again (<see cref="OperationGate.WithdrawWaiting"/>).</param>
    internal static async Task<MachinePause> EnterAsync(Machine machine, bool mayBeWithdrawn = false)
    {
        var pass = await machine.Gate.EnterAsync(mayBeWithdrawn);
        return new MachinePause(machine, pass);
    }

    /// <summary>Quiesces queues, timers and back ends; the vCPUs still run.</summary>
    /// <returns>Those that took longer than 100 us.</returns>
    internal IReadOnlyList<SlowQuiesce> Quiesce()
    {
        _isQuiesced = true;
        Guest.Netdevs.Leave();
        return Guest.QuiesceBackEnds();
    }

    /// <summary>After <see cref="Quiesce"/>: waits until nothing of what the devices began is left.</summary>
    /// <param name="limit">How long.</param>
    /// <returns>Those that took longer than 100 us.</returns>
    /// <exception cref="MachineException">The host has not finished a request within the limit; the message names the device.</exception>
    internal Task<IReadOnlyList<SlowQuiesce>> DrainAsync(TimeSpan limit) => DeviceDrain.RunAsync(_machine, Guest, limit);

    /// <summary>The vCPUs are stopped: stops the queues too, until the guest resumes or continues, and waits until nothing of them is in flight.</summary>
    /// <exception cref="MachineException">The host has not finished a request in time.</exception>
    internal Task DrainQueuesAsync()
    {
        Guest.Queues.Quiesce();
        return DrainAsync(_machine.QueueDrainLimit);
    }

    /// <summary>Resets a machine whose vCPUs are stopped. One whose devices cannot be drained does again what it did.</summary>
    /// <inheritdoc cref="Reset"/>
    internal async Task ResetAsync(ShutdownCause cause)
    {
        try
        {
            await DrainQueuesAsync();
        }
        catch
        {
            Resume();
            throw;
        }

        Reset(cause);
    }

    /// <summary>Stops every vCPU, or none: one that does not stop in time is held up, and then all run on.</summary>
    /// <param name="captureState">Whether their state is to be saved.</param>
    /// <exception cref="MachineException">There is no guest here.</exception>
    /// <exception cref="HypervisorException">They run on.</exception>
    internal async Task StopAsync(bool captureState)
    {
        var board = Guest;
        var timeout = _machine.StopLimit;
        var stop = board.Vm.Cpus.StopAsync(captureState);
        using var limit = stop.IsCompleted ? null : _machine.Loop.After(timeout, () => board.Vm.Cpus.WithdrawStop(
            $"a vCPU is held up by the host and has not stopped for {timeout.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s; the guest runs on"));
        await stop;
    }

    /// <summary>Stops a guest and its time, for an operator or because it shut down. One that does not run only changes its run state.</summary>
    /// <param name="into">The state that it is in then.</param>
    /// <param name="first">The event raised before that of the stop.</param>
    /// <param name="entered">Called when it is in that state.</param>
    /// <exception cref="HypervisorException">It runs on.</exception>
    internal async Task HoldAsync(RunState into, MachineEvent? first = null, Action? entered = null)
    {
        bool ran = Ran;
        if (Board is not { } board || (!ran && into == RunState.Paused))
        {
            return;
        }

        if (ran)
        {
            await StopAsync(captureState: false);
            try
            {
                board.FreezeTime();
            }
            catch
            {
                Resume();
                throw;
            }
        }

        End(into);
        entered?.Invoke();
        if (first is not null)
        {
            _machine.Raise(first);
        }

        if (ran)
        {
            await RestAsync();
            _machine.Raise(new MachineStopped(_machine.Now));
        }
    }

    /// <summary>Resets a machine whose vCPUs are stopped and whose devices are drained.</summary>
    /// <exception cref="MachineException">It is half reset, and in internal-error: the guest has nothing to run.</exception>
    internal void Reset(ShutdownCause cause)
    {
        try
        {
            Guest.Reset();
        }
        catch (Exception e)
        {
            string failure = $"the reset failed: {e.Message}";
            bool ran = Ran;
            End(RunState.InternalError);
            _machine.SetFailure(failure);
            StayStopped(ran);
            throw new MachineException(failure, e);
        }

        _machine.Requests.ForgetVcpus();
        _machine.ClearFailure();
        _machine.Raise(new MachineReset(_machine.Now, cause));
    }

    /// <summary>The guest does again what it did. One whose vCPUs the host does not start is paused, and can be continued.</summary>
    /// <exception cref="HypervisorException">It is paused.</exception>
    internal void Resume()
    {
        End(Before);
        if (!Ran)
        {
            return;
        }

        try
        {
            Guest.Vm.Cpus.Start();
        }
        catch
        {
            End(RunState.Paused);
            StayStopped(ran: true);
            throw;
        }

        Guest.Queues.Resume();
    }

    /// <summary>The same at once and whatever fails, vCPUs first, then queues and back ends, for a guest that was to be handed over.</summary>
    /// <param name="steps">Reports what fails.</param>
    internal void Resume(BestEffort steps)
    {
        End(Before);
        _machine.ReleaseCpus(Guest, steps);
        if (Ran && _machine.State != RunState.Running)
        {
            _machine.TryFreezeTime(Guest);
        }

        if (_isQuiesced)
        {
            Guest.ResumeBackEnds(steps);
        }
    }

    /// <summary>The machine is in another run state from now on.</summary>
    internal void End(RunState into) => _machine.State = Before = into;

    /// <summary>Lets the next operation in.</summary>
    public void Dispose() => _pass.Dispose();

    /// <summary>The guest is stopped: so are its queues. A host that does not finish a request cannot keep it from being so.</summary>
    private async Task RestAsync()
    {
        try
        {
            await DrainQueuesAsync();
        }
        catch (MachineException e)
        {
            LogNotDrained(_machine.Log, e.Message);
        }
    }

    /// <summary>A guest that was only to be stopped for a moment does not run again.</summary>
    private void StayStopped(bool ran)
    {
        Guest.Queues.Quiesce();
        _machine.TryFreezeTime(Guest);
        if (ran)
        {
            _machine.Raise(new MachineStopped(_machine.Now));
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the guest is stopped, but its memory may still change: {Reason}")]
    private static partial void LogNotDrained(ILogger log, string reason);
}
