// The machine's part in a live update, on both sides: what goes with the guest, how it is stopped and released here, and how it is built, owned
// and resumed there. The protocol around it, and who decides, is Vmm.Migration's.

using Vmm.Core.Descriptors;
using Vmm.Core.Hypervisors;
using Vmm.Core.Loop;
using Vmm.Core.Memory;

namespace Vmm.Core.Machines;

/// <summary>The operations of a machine while its guest leaves, and while one arrives. Machine loop only.</summary>
public sealed class MachineHandover
{
    private readonly Machine _machine;
    private readonly IHypervisor _hypervisor;
    private readonly BoardSetup _setup;
    private readonly List<IDescriptorOwner> _owners = [];
    private readonly List<IExecCrossing> _execParts = [];
    private Func<string>? _outcome;

    internal MachineHandover(Machine machine, IHypervisor hypervisor, BoardSetup setup)
    {
        _machine = machine;
        _hypervisor = hypervisor;
        _setup = setup;
    }

    /// <summary>Raised when a guest that came in a stream is here.</summary>
    public event Action? Restored;

    /// <summary>Why the guest cannot be run here any more, once it was handed over: to which process, and whether that still runs. Null before.</summary>
    public string? Outcome => _outcome?.Invoke();

    /// <summary>Descriptors that go with the guest.</summary>
    public IEnumerable<HandoverDescriptor> Descriptors =>
        (_machine.Board?.ListDescriptors() ?? []).Concat(_owners.SelectMany(owner => owner.HandoverDescriptors));

    /// <summary>Adds something of the process, not of the board, whose descriptors go with the guest: a monitor's socket, the log.</summary>
    public void Add(IDescriptorOwner owner) => _owners.Add(owner);

    /// <summary>What of the process continues in a program that replaces this one by exec.</summary>
    public IReadOnlyList<IExecCrossing> ExecParts => _execParts;

    /// <summary>Adds something of the process, not of the board, that continues in a program which replaces this one: the monitors' sessions.</summary>
    public void AddExec(IExecCrossing part) => _execParts.Add(part);

    /// <summary>Stops the guest for the switch. Its time continues, and so do operations that wait at the gate.</summary>
    /// <param name="drainLimit">How long requests of devices may take that the host has not finished; longer is a failure, and the guest runs on.</param>
    /// <param name="quiesced">Called when queues and back ends are quiesced and drained, before the vCPUs are stopped.</param>
    /// <exception cref="MachineException">There is no guest that could leave, or its devices are not drained in time.</exception>
    public async Task<HandoverPause> PauseAsync(TimeSpan drainLimit, Action? quiesced = null)
    {
        var pause = await MachinePause.EnterAsync(_machine);
        if (pause.Board is not { } board || pause.Before is not (RunState.Running or RunState.Paused or RunState.Prelaunch or RunState.IoError))
        {
            pause.Dispose();
            throw new MachineException($"a guest in run state {pause.Before.Name()} cannot be handed over");
        }

        var handover = new HandoverPause(_machine, pause, board);
        try
        {
            _machine.State = RunState.FinishMigrate;
            board.GlobalState.State = pause.Before;
            handover.Drains = pause.Quiesce();
            var drained = await pause.DrainAsync(drainLimit);
            if (drained.Count > 0)
            {
                handover.Drains = [.. handover.Drains, .. drained];
            }

            handover.Quiesced = Instant.Now;
            quiesced?.Invoke();
            await pause.StopAsync(captureState: true);
            handover.StoppedAt = _machine.Now;
            await _machine.Requests.ServeLastAsync(pause);
            handover.Stopped = Instant.Now;
            return handover;
        }
        catch
        {
            // What could not be stopped resumes as before; what a reset has halted stays so, and its back ends resume.
            handover.Resume();
            handover.Report(null);
            throw;
        }
    }

    /// <summary>Builds the hardware around a guest that is still elsewhere.</summary>
    /// <param name="revision">The revision of its board.</param>
    /// <param name="guestAbi">The guest ABI, as the hypervisor set it at the first boot.</param>
    /// <param name="claimRam">Gives the file of a RAM block by its name.</param>
    /// <param name="handedOver">The other descriptors that came.</param>
    /// <exception cref="MachineException">It cannot be built; the message says why.</exception>
    public Board BuildIncoming(int revision, ReadOnlyMemory<byte> guestAbi, Func<string, ReceivedRam> claimRam, HandedOverDescriptors handedOver) =>
        BoardBuilder.BuildIncoming(_setup.OfRevision(revision), _machine, _hypervisor, guestAbi, claimRam, handedOver);

    /// <summary>Builds the hardware of a guest whose memory and state come in a stream, and opens its back ends, which rest until it is here.</summary>
    /// <param name="revision">The revision of its board; null is that of a guest that boots here.</param>
    /// <param name="guestAbi">The guest ABI, as the hypervisor set it at the first boot; empty is this host's.</param>
    /// <exception cref="MachineException">It cannot be built; the message says why.</exception>
    /// <exception cref="IOException">A back end cannot be opened.</exception>
    public Board BuildToRestore(int? revision = null, ReadOnlyMemory<byte> guestAbi = default)
    {
        var board = BoardBuilder.Build(revision is { } number ? _setup.OfRevision(number) : _setup, _machine, _hypervisor, guestAbi);
        try
        {
            board.BackEnds.Open();
            return board;
        }
        catch
        {
            board.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Touches the RAM of a guest that is still elsewhere. The back ends' loop has nothing to serve before the guest is here; a thread more,
    /// of whatever pool, is one more thing that the host might refuse.
    /// </summary>
    /// <param name="board">The hardware.</param>
    /// <param name="budget">How long it may take, with the wait for the loop.</param>
    /// <returns>Bytes that were touched.</returns>
    public Task<ulong> PrefaultAsync(Board board, TimeSpan budget)
    {
        ArgumentNullException.ThrowIfNull(board);
        long asked = _setup.Time.GetTimestamp();
        return _setup.IoLoop.InvokeAsync(() => Task.FromResult(board.PrefaultRam(budget - _setup.Time.GetElapsedTime(asked))));
    }

    /// <summary>
    /// Before the pause: everything of the process takes what came for it, checks it, and opens what it will need besides. Ends in
    /// <see cref="Own"/> or <see cref="DropPrepared"/>.
    /// </summary>
    /// <returns>Every reason why the guest cannot continue here; empty when it can.</returns>
    public IReadOnlyList<string> Prepare(HandedOverDescriptors handedOver) => [.. _owners.SelectMany(owner => owner.Prepare(handedOver))];

    /// <summary>The guest stays in the old process: closes what <see cref="Prepare"/> took.</summary>
    public void DropPrepared(BestEffort steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        foreach (var owner in _owners)
        {
            steps.Do("close a descriptor of the old process", owner.Drop);
        }
    }

    /// <summary>
    /// The guest is here: its state is applied and the baton is ours. Lets it run, if it ran. Does not throw: what cannot be taken over is missing
    /// and is reported, and the guest runs.
    /// </summary>
    /// <param name="board">The hardware.</param>
    /// <param name="steps">Reports what fails.</param>
    /// <param name="released">Called after the vCPUs were released, before the rest of the process is notified of the guest.</param>
    public void Own(Board board, BestEffort steps, Action? released = null) => Begin(board, steps, released, _owners);

    /// <summary>The same for a guest that came in a stream: nothing of the process came with it.</summary>
    /// <param name="board">The hardware.</param>
    /// <param name="steps">Reports what fails.</param>
    public void OwnRestored(Board board, BestEffort steps)
    {
        Begin(board, steps, released: null, []);
        steps.Do("report that the guest is here", () => Restored?.Invoke());
    }

    private void Begin(Board board, BestEffort steps, Action? released, IReadOnlyList<IDescriptorOwner> owners)
    {
        ArgumentNullException.ThrowIfNull(board);
        ArgumentNullException.ThrowIfNull(steps);
        var before = board.GlobalState.State;
        _machine.Board = board;
        _machine.State = before == RunState.Running && !_machine.AutoStart ? RunState.Paused : before;
        _machine.ReleaseCpus(board, steps);
        Paced.Run(
        [
            () => steps.Do("take the times of the switch", released ?? (static () => { })),
            () => board.ResumeBackEnds(steps),
            () => steps.Do("open the network back ends that did not cross", () => _machine.Netdevs.OpenOthers(board)),
            .. owners.Select<IDescriptorOwner, Action>(owner => () => steps.Do("use a descriptor of the old process", owner.Adopt)),
        ]);

        if (_machine.State == RunState.Running)
        {
            steps.Do("make requests again that failed", board.Queues.GuestContinues);
            steps.Do("report that the guest runs", () => _machine.Raise(new MachineResumed(_machine.Now)));
        }
        else if (before is RunState.Running or RunState.IoError)
        {
            steps.Do("stop the guest's clock", board.FreezeTime);
        }
    }

    /// <summary>The guest is in another process: closes what that has, and the hardware.</summary>
    internal void Release(Board board, BestEffort steps, Func<string> outcome, Func<string, bool?> wasTaken)
    {
        _outcome = outcome;
        _machine.Board = null;
        foreach (var owner in _owners)
        {
            steps.Do("close a descriptor that the new process has", () => owner.Release(wasTaken));
        }

        // Unmapping RAM and closing the VM takes its time, and nothing waits for it. The back ends' loop has nothing else to do now; a thread
        // more, of whatever pool, is one more thing that the host might refuse.
        var log = _setup.Log;
        steps.Do("close what the guest left behind", () => _setup.IoLoop.Post(
            () => new BestEffort(log, "the guest was handed over").Do("close what it left behind", board.Release)));
    }
}
