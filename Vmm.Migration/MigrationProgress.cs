// Where the present or last migration stands. Engines report what happens; here that becomes QEMU's states, its events in QEMU's order,
// and the figures of query-migrate.
//
// A state is entered before it is reported, so a client that asks when it reads an event finds what the event said; and a final state is
// counted in the turn that reported it. A cancelled attempt goes through no further state of an attempt, but it may still
// complete: where the guest is, is not decided here.

using Vmm.Core.Machines;
using Vmm.Migration.Engines;
using Vmm.Migration.Handover;

namespace Vmm.Migration;

/// <summary>The status of a process's migrations. Machine loop only.</summary>
/// <param name="metrics">What counts attempts that are over.</param>
/// <param name="hasEvents">Whether clients want events.</param>
internal sealed class MigrationProgress(MigrationMetrics metrics, Func<bool> hasEvents) : IOutgoingProgress, IIncomingProgress, IExecProgress
{
    private ulong _began;
    private ulong? _totalTime;
    private TaskCompletionSource _settled = new();

    /// <summary>Raised for each state that the migration enters.</summary>
    internal event Action<MigrationStatus>? StatusChanged;

    /// <summary>Raised for each pass, counted from 1.</summary>
    internal event Action<int>? PassBegan;

    /// <summary>Raised when this process has nothing left to wait for.</summary>
    internal event Action<string>? IncomingFailed;

    internal MigrationStatus Status { get; private set; }

    /// <summary>Why it failed, or what went wrong although it completed.</summary>
    internal string? Error { get; private set; }

    /// <summary>What this process had left to do when it completed.</summary>
    internal BestEffort? FinalSteps { get; private set; }

    /// <summary>The account of a guest that has left or arrived.</summary>
    internal HandoverTimes? Times { get; private set; }

    /// <summary>Milliseconds from the beginning to the first byte.</summary>
    internal ulong? SetupTime { get; private set; }

    /// <summary>Milliseconds since it began, or that it took in all.</summary>
    internal ulong? TotalTime => Status is MigrationStatus.None or MigrationStatus.Setup ? null : _totalTime ?? Elapsed;

    internal bool IsUnderWay =>
        Status is MigrationStatus.Setup or MigrationStatus.Active or MigrationStatus.Device or MigrationStatus.Cancelling;

    private ulong Elapsed => (Instant.Now - _began) / 1_000_000;

    /// <summary>Completes when no migration is under way (any more).</summary>
    internal Task SettledAsync() => IsUnderWay ? _settled.Task : Task.CompletedTask;

    /// <summary>An attempt begins; what was before it is forgotten.</summary>
    internal void Begin()
    {
        RestartClock();
        SetupTime = null;
        Error = null;
        Times = null;
        FinalSteps = null;
        Enter(MigrationStatus.Setup);
    }

    /// <summary>The operator gives the attempt up.</summary>
    internal void Cancelling() => Enter(MigrationStatus.Cancelling);

    /// <inheritdoc/>
    void IOutgoingProgress.Prepared() => SetupTime = Elapsed;

    /// <inheritdoc/>
    void IOutgoingProgress.PassBegan(int number)
    {
        if (hasEvents())
        {
            PassBegan?.Invoke(number);
        }
    }

    /// <inheritdoc/>
    void IOutgoingProgress.Sending() => Advance(MigrationStatus.Active);

    /// <inheritdoc/>
    void IOutgoingProgress.Stopped() => Advance(MigrationStatus.Device);

    /// <inheritdoc/>
    void IOutgoingProgress.Left(HandoverTimes? times, BestEffort steps, string? warning)
    {
        Error = warning;
        Complete(times, steps, isOutgoing: true);
    }

    /// <inheritdoc/>
    public void Stays(Exception failure)
    {
        if (IsUnderWay)
        {
            bool isCancelled = Status == MigrationStatus.Cancelling;
            Error = isCancelled ? null : failure.Message;
            End(isCancelled ? MigrationStatus.Cancelled : MigrationStatus.Failed, isOutgoing: true);
        }
    }

    /// <inheritdoc/>
    void IIncomingProgress.Listening() => Begin();

    /// <inheritdoc/>
    void IIncomingProgress.AttemptBegan(bool isListening)
    {
        if (!isListening)
        {
            // With -incoming defer nothing is reported before migrate-incoming. What fails before that began here all the same.
            RestartClock();
        }
        else if (Status == MigrationStatus.Failed)
        {
            // An earlier attempt failed; this one is reported from its beginning.
            Begin();
        }
    }

    /// <inheritdoc/>
    void IIncomingProgress.Receiving()
    {
        if (Status == MigrationStatus.Setup)
        {
            Enter(MigrationStatus.Active);
        }
    }

    /// <inheritdoc/>
    void IIncomingProgress.Arrived(HandoverTimes? times, BestEffort steps) => Complete(times, steps, isOutgoing: false);

    /// <inheritdoc/>
    void IIncomingProgress.NotTaken(Exception failure)
    {
        Error = failure.Message;
        End(MigrationStatus.Failed, isOutgoing: false);
    }

    /// <inheritdoc/>
    void IIncomingProgress.GaveUp(string reason) => IncomingFailed?.Invoke(reason);

    /// <inheritdoc/>
    void IExecProgress.GiveUp(string reason) => IncomingFailed?.Invoke(reason);

    /// <inheritdoc/>
    void IExecProgress.Replaced(HandoverTimes times, BestEffort steps)
    {
        Continue();
        Complete(times, steps, isOutgoing: false);
    }

    /// <inheritdoc/>
    void IExecProgress.CameBack(Exception failure)
    {
        Continue();
        Stays(failure);
    }

    /// <inheritdoc/>
    void IExecProgress.Kept(string reason, HandoverTimes times, BestEffort steps)
    {
        Continue();
        Error = reason;
        Complete(times, steps, isOutgoing: false);
    }

    /// <summary>A migration that another program began is under way here; its clients know.</summary>
    private void Continue()
    {
        RestartClock();
        Status = MigrationStatus.Device;
    }

    private void RestartClock()
    {
        _began = Instant.Now;
        _totalTime = null;
    }

    private void Complete(HandoverTimes? times, BestEffort steps, bool isOutgoing)
    {
        Times = times;
        FinalSteps = steps;
        steps.Do("report that the migration is completed", () => Enter(MigrationStatus.Completed));
        steps.Do("record the times", () => metrics.Record(isOutgoing, MigrationStatus.Completed, times));
    }

    /// <summary>The guest is where it was.</summary>
    private void End(MigrationStatus status, bool isOutgoing)
    {
        try
        {
            Enter(status);
        }
        finally
        {
            metrics.Record(isOutgoing, status, null);
        }
    }

    /// <summary>The next state of an attempt, unless it is being cancelled.</summary>
    private void Advance(MigrationStatus status)
    {
        if (Status != MigrationStatus.Cancelling)
        {
            Enter(status);
        }
    }

    private void Enter(MigrationStatus status)
    {
        Status = status;
        if (!IsUnderWay)
        {
            _totalTime ??= Elapsed;
        }

        try
        {
            if (hasEvents())
            {
                StatusChanged?.Invoke(status);
            }
        }
        finally
        {
            if (!IsUnderWay)
            {
                _settled.TrySetResult();
                _settled = new TaskCompletionSource();
            }
        }
    }
}
