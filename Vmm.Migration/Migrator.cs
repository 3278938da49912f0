// The migrations of one process: its parameters and capabilities, and the commands that start and end a migration. A process is at most
// once the new one, when it starts, and may be the old one any number of times, until one attempt succeeds.
//
// How a guest moves is an engine's part (Engines/IMigrationEngine), which the parameter "mode" chooses; where the present migration
// stands is MigrationProgress's. What is left here is what all modes have in common: which command is refused when.
//
// The parameters that an attempt began with hold until it ends: nothing about the mode changes while a migration runs.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Vmm.Core.Machines;
using Vmm.Core.Supervision;
using Vmm.Migration.Channels;
using Vmm.Migration.Cpr;
using Vmm.Migration.Engines;
using Vmm.Migration.Exec;
using Vmm.Migration.Handover;
using Vmm.Migration.Normal;
using Vmm.Migration.Settings;

namespace Vmm.Migration;

/// <summary>Migrations of a machine. Machine loop only.</summary>
public sealed class Migrator : IDisposable
{
    private readonly Machine _machine;
    private readonly ILogger _log;
    private readonly SystemdNotification _supervisor;
    private readonly MigrationMetrics _metrics;
    private readonly MigrationProgress _progress;
    private readonly Dictionary<MigrationMode, IMigrationEngine> _engines;
    private IIncomingMigration? _incoming;
    private IOutgoingMigration? _outgoing;
    private IPreflight? _preflight;
    private bool _hasInheritedEvents;
    private bool _cameByExec;

    /// <summary>Creates the migrations of a machine.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="log">Where accounts and failures are reported.</param>
    /// <param name="supervisor">What learns from this one which process has the guest; null where nothing is.</param>
    public Migrator(Machine machine, ILogger log, SystemdNotification? supervisor = null)
    {
        _machine = machine;
        _log = log;
        _supervisor = supervisor ?? SystemdNotification.None;
        _metrics = new MigrationMetrics(this);
        _progress = new MigrationProgress(_metrics, () => Capabilities.Events || _hasInheritedEvents);
        _engines = new()
        {
            [MigrationMode.Normal] = new NormalEngine(machine, () => Capabilities, log),
            [MigrationMode.CprTransfer] = new CprEngine(machine, _supervisor, log),
            [MigrationMode.CprExec] = new ExecEngine(machine, () => new ExecSettings(Parameters, Capabilities), _supervisor, log),
        };
    }

    /// <summary>Raised for each state that the migration enters.</summary>
    public event Action<MigrationStatus>? StatusChanged
    {
        add => _progress.StatusChanged += value;
        remove => _progress.StatusChanged -= value;
    }

    /// <summary>Raised for each pass over the state, counted from 1.</summary>
    public event Action<int>? PassBegan
    {
        add => _progress.PassBegan += value;
        remove => _progress.PassBegan -= value;
    }

    /// <summary>Raised when an incoming attempt failed and this process has nothing left to wait for.</summary>
    public event Action<string>? IncomingFailed
    {
        add => _progress.IncomingFailed += value;
        remove => _progress.IncomingFailed -= value;
    }

    /// <summary>Where the present or last migration stands.</summary>
    public MigrationStatus Status => _progress.Status;

    /// <summary>The parameters.</summary>
    public MigrationParameters Parameters { get; private set; } = new();

    /// <summary>The capabilities.</summary>
    public MigrationCapabilities Capabilities { get; private set; } = new();

    /// <summary>The mode that reports its blockers unasked, and that a preflight tries out where none is set.</summary>
    private IMigrationEngine CprTransfer => _engines[MigrationMode.CprTransfer];

    /// <summary>Changes parameters, all at once.</summary>
    /// <exception cref="MigrationException">A migration runs, or a value is out of range.</exception>
    public void SetParameters(MigrationParameters parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        RefuseWhileUnderWay();
        ExecTarget.RefuseArguments(parameters.CprExecCommand);
        Parameters = parameters;
    }

    /// <summary>Changes capabilities, all at once.</summary>
    /// <exception cref="MigrationException">A migration runs.</exception>
    public void SetCapabilities(MigrationCapabilities capabilities)
    {
        RefuseWhileUnderWay();
        Capabilities = capabilities;
    }

    /// <summary>Switches the events on before any client could: the command line requested them.</summary>
    public void EnableEvents() => Capabilities = Capabilities with { Events = true };

    /// <summary>Waits for a guest.</summary>
    /// <param name="cpr">Where the old process of a live update will connect; null where the guest comes in a stream, RAM and all.</param>
    /// <param name="main">The main channel; null leaves it to <see cref="StartIncoming"/> (-incoming defer).</param>
    /// <exception cref="MachineException">The machine of a stream cannot be built.</exception>
    /// <exception cref="IOException">An address cannot be listened on, or a stream or back end cannot be opened.</exception>
    public void AwaitGuest(ChannelAddress? cpr, ChannelAddress? main)
    {
        _machine.AwaitGuest();
        _incoming = EngineOf(cpr is null ? MigrationMode.Normal : MigrationMode.CprTransfer).Await(cpr, main, () => Parameters, _progress);
    }

    /// <summary>Waits for the guest that this program was started for, by exec or beside it.</summary>
    /// <param name="start">What it was started for.</param>
    /// <exception cref="HandoverException">This program has replaced another and could not take its guest.</exception>
    public async Task AwaitGuestAsync(ExecStart start)
    {
        ArgumentNullException.ThrowIfNull(start);
        if (start.Record is not { } record)
        {
            var waiting = new ConnectedIncoming(_machine, start, Parameters, _supervisor, _progress, _log);
            _incoming = waiting;
            await waiting.RunAsync();
            return;
        }

        if (start.Failure is not null)
        {
            (Parameters, Capabilities) = (record.Settings.Parameters, record.Settings.Capabilities);
        }

        // The clients whose sessions continue have the events of the beginning, and wait for the last.
        _hasInheritedEvents = record.Settings.Capabilities.Events;
        try
        {
            await new ExecIncoming(_machine, start, _supervisor, _progress, _log).RunAsync();
            _cameByExec = start.Failure is null;
        }
        finally
        {
            _hasInheritedEvents = false;
        }
    }

    /// <summary>Opens the main channel of a process that was started with -incoming defer.</summary>
    /// <param name="main">Where it is.</param>
    /// <param name="takeDescriptor">Hands out the descriptor that getfd named; it then belongs to the migration.</param>
    /// <exception cref="MigrationException">It was not, or the channel is open, or cannot be opened.</exception>
    public void StartIncoming(ChannelAddress main, Func<string, SafeHandle?>? takeDescriptor = null)
    {
        if (_cameByExec)
        {
            // A client of a program with "-incoming defer" on its command line, as QEMU's has it, asks: the guest came otherwise, and is here.
            return;
        }

        if (_incoming is null)
        {
            throw new MigrationException("'-incoming' was not specified on the command line");
        }

        try
        {
            _incoming.Listen(main, takeDescriptor);
        }
        catch (HandoverException e)
        {
            throw new MigrationException(e.Message, e);
        }
    }

    /// <summary>Starts a migration; it continues after this returns.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="takeDescriptor">Hands out the descriptor that getfd named; it then belongs to the migration.</param>
    /// <exception cref="MigrationException">It is refused, or no process listens for it; the guest is untouched.</exception>
    public void Migrate(MigrationTarget target, Func<string, SafeHandle?>? takeDescriptor = null)
    {
        ArgumentNullException.ThrowIfNull(target);
        RefuseByRunState();
        RefuseWhileUnderWay();
        RefuseByTarget(target);
        var outgoing = EngineOf(Parameters.Mode).Leave(target, Parameters, takeDescriptor, _progress);

        var former = new BestEffort(_log, "another migration begins");
        former.Do("close what is left of the one before", () => _outgoing?.Dispose());
        _outgoing = outgoing;
        _progress.Begin();
        try
        {
            outgoing.Open();
        }
        catch (Exception e)
        {
            // Whatever it is: an attempt that was not opened is over.
            _outgoing = null;
            former.Do("close what was not opened", outgoing.Dispose);
            _progress.Stays(e);
            throw new MigrationException(e.Message, e);
        }

        _ = outgoing.RunAsync();
    }

    /// <summary>Gives the migration or preflight under way up, or the stream that is being loaded; without effect when there is none.</summary>
    public void Cancel()
    {
        _preflight?.Cancel();
        _incoming?.Cancel();
        if (_outgoing is not null && Status is MigrationStatus.Setup or MigrationStatus.Active or MigrationStatus.Device)
        {
            _progress.Cancelling();
            _outgoing.Cancel();
        }
    }

    /// <summary>Tries a live update out, up to the pause.</summary>
    /// <param name="target">Where to, as for <see cref="Migrate"/>.</param>
    /// <param name="findDescriptor">Shows the descriptor that getfd named; it stays where it is.</param>
    /// <returns>Whether it would succeed, or every reason why not.</returns>
    /// <exception cref="MigrationException">A migration or another preflight is under way, or the mode has no preflight.</exception>
    public async Task<PreflightVerdict> PreflightAsync(MigrationTarget target, Func<string, SafeHandle?>? findDescriptor = null)
    {
        ArgumentNullException.ThrowIfNull(target);
        RefuseWhileUnderWay();
        var reasons = new List<string>();
        Note(reasons, RefuseByRunState);
        Note(reasons, () => RefuseByTarget(target));
        bool hasLiveUpdate = Parameters.Mode != MigrationMode.Normal;
        if (!hasLiveUpdate)
        {
            reasons.Add(NormalEngine.NotOfRunningGuests);
        }

        var engine = hasLiveUpdate ? EngineOf(Parameters.Mode) : CprTransfer;
        using var preflight = _preflight = engine.Ask(target, Parameters, findDescriptor);
        try
        {
            return await preflight.RunAsync(reasons);
        }
        finally
        {
            _preflight = null;
        }
    }

    /// <summary>What query-migrate reports.</summary>
    public MigrationReport Report() => new()
    {
        Status = Status,
        Error = Errors() is [_, ..] errors ? string.Join("; ", errors) : null,
        Blockers = CprTransfer.Blockers,
        ListeningAddress = Status == MigrationStatus.Setup ? _incoming?.ListeningAddress : null,
        Transferred = _outgoing?.Transferred ?? 0,
        RamTotal = _outgoing?.Ram?.Total ?? 0,
        RamRemaining = _outgoing?.Ram?.Remaining ?? 0,
        DataPages = _outgoing?.Ram?.DataPages ?? 0,
        FillPages = _outgoing?.Ram?.FillPages ?? 0,
        TotalTime = _progress.TotalTime,
        SetupTime = _progress.SetupTime,
        ExpectedDowntime = Status is MigrationStatus.Active or MigrationStatus.Device ? Milliseconds(_outgoing?.ExpectedPause) : null,
        Downtime = Status == MigrationStatus.Completed && _progress.Times is { Pause: > 0 } times ? Milliseconds(times.Pause) : null,
        Times = Status == MigrationStatus.Completed ? _progress.Times : null,
    };

    /// <summary>Completes when no migration is under way (any more).</summary>
    public Task SettledAsync() => _progress.SettledAsync();

    /// <summary>Ends whatever is under way and closes every channel.</summary>
    public void Dispose()
    {
        var end = new BestEffort(_log, "the process ends");
        foreach (var part in (IDisposable?[])[_preflight, _outgoing, _incoming, _metrics])
        {
            end.Do("close a channel", () => part?.Dispose());
        }
    }

    /// <summary>Microseconds in milliseconds, rounded up.</summary>
    private static ulong? Milliseconds(ulong? microseconds) => (microseconds + 999) / 1000;

    private static void Note(List<string> reasons, Action check)
    {
        try
        {
            check();
        }
        catch (MigrationException e)
        {
            reasons.Add(e.Message);
        }
    }

    private IMigrationEngine EngineOf(MigrationMode mode) => _engines[mode];

    /// <summary>What went wrong, if anything, and whether the peer has ended since.</summary>
    private string[] Errors()
    {
        string? peerEnd = Status is MigrationStatus.Completed or MigrationStatus.Failed ? _outgoing?.PeerEnd : null;
        return
        [
            .. _progress.Error is { } error ? [error] : Array.Empty<string>(),
            .. _progress.FinalSteps?.Failures ?? [],
            .. peerEnd is null ? [] : (string[])[peerEnd],
        ];
    }

    private void RefuseByRunState()
    {
        switch (_machine.State)
        {
            case RunState.Inmigrate:
                throw new MigrationException("Guest is waiting for an incoming migration");
            case RunState.Postmigrate:
                throw new MigrationException("Can't migrate the vm that was paused due to previous migration");
        }
    }

    /// <summary>What a cpr-exec cannot begin with is the same for an attempt and for a preflight.</summary>
    private void RefuseByTarget(MigrationTarget target)
    {
        if (Parameters.Mode == MigrationMode.CprExec)
        {
            ExecTarget.Refuse(target, Parameters);
        }
    }

    /// <summary>A process that waits for a guest may still be configured: what it will do as the old one is not under way.</summary>
    private void RefuseWhileUnderWay()
    {
        if (_progress.IsUnderWay && _machine.State != RunState.Inmigrate)
        {
            throw new MigrationException("There's a migration process in progress");
        }

        if (_preflight is not null)
        {
            throw new MigrationException("There's a preflight of a migration in progress");
        }
    }
}
