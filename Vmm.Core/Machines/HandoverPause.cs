namespace Vmm.Core.Machines;

/// <summary>A guest that is stopped to be handed over. Ends in exactly one of <see cref="Resume"/>, with <see cref="Report"/>, and <see cref="Finish"/>.</summary>
public sealed class HandoverPause
{
    private readonly Machine _machine;
    private readonly MachinePause _pause;
    private bool _stopReported;
    private bool _over;

    internal HandoverPause(Machine machine, MachinePause pause, Board board)
    {
        _machine = machine;
        _pause = pause;
        Board = board;
        Begin = Instant.Now;
    }

    /// <summary>The hardware, stopped, its vCPUs' state captured.</summary>
    public Board Board { get; }

    /// <summary>When stopping was decided; an <see cref="Instant"/>.</summary>
    public ulong Begin { get; }

    /// <summary>When the back ends were quiesced.</summary>
    public ulong Quiesced { get; internal set; }

    /// <summary>The devices and back ends that took longest to be so.</summary>
    public IReadOnlyList<SlowQuiesce> Drains { get; internal set; } = [];

    /// <summary>When every vCPU was out of the guest.</summary>
    public ulong Stopped { get; internal set; }

    /// <summary>The same by the clock that events have; null for a guest that was not stopped.</summary>
    internal DateTimeOffset? StoppedAt { get; set; }

    /// <summary>Reports that the guest stopped, if it ran and that was not reported yet. Deferred to the end of the pause.</summary>
    public void ReportStopped()
    {
        if (!_stopReported && _pause.Ran && StoppedAt is { } at)
        {
            _stopReported = true;
            _machine.Raise(new MachineStopped(at));
        }
    }

    /// <summary>
    /// The guest stays and continues as before, at once and before anything is reported. <see cref="Report"/> must follow; until then no other
    /// operation of the machine begins.
    /// </summary>
    public void Resume()
    {
        if (!_over)
        {
            _over = true;
            _pause.Resume(Staying());
        }
    }

    /// <summary>After <see cref="Resume"/>: reports, in the order of events, that the guest was stopped, why it stays, and that it runs.</summary>
    /// <param name="reportFailure">Called between the events of its stop and of its resumption.</param>
    public void Report(Action? reportFailure)
    {
        var steps = Staying();
        steps.Do("report that it was stopped", ReportStopped);
        if (reportFailure is not null)
        {
            steps.Do("report why", reportFailure);
        }

        if (_stopReported && _machine.State == RunState.Running)
        {
            steps.Do("report that it runs", () => _machine.Raise(new MachineResumed(_machine.Now)));
        }

        _pause.Dispose();
    }

    /// <summary>
    /// What the guest is was written to a stream: it stays, stopped, and can be continued. As with <see cref="Resume"/>, <see cref="Report"/> must follow.
    /// </summary>
    public void Keep()
    {
        _pause.End(RunState.Postmigrate);
        Resume();
    }

    /// <summary>The guest was handed over.</summary>
    /// <param name="steps">Reports what fails: that cannot bring the guest back.</param>
    /// <param name="outcome">Says to which process, and what has become of that since, in a sentence for an operator who asks for the guest later.</param>
    /// <param name="wasTaken">Of a descriptor's name: whether the new process took it over; null where that is not known.</param>
    public void Finish(BestEffort steps, Func<string> outcome, Func<string, bool?> wasTaken)
    {
        ArgumentNullException.ThrowIfNull(steps);
        if (!_over)
        {
            _over = true;
            steps.Do("report that it was stopped", ReportStopped);
            _pause.End(RunState.Postmigrate);
            _machine.Handover.Release(Board, steps, outcome, wasTaken);
            _pause.Dispose();
        }
    }

    private BestEffort Staying() => new(_machine.Log, "the guest stays in this process");
}
