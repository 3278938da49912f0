// The migrations of one process: its parameters and capabilities, where the present migration stands, and the commands
// that start and end one. A process is at most once the new one, when it starts, and may be the old one any number of
// times, until one attempt succeeds.
//
// The parameters that an attempt began with hold until it ends: nothing about the mode changes while a migration runs.

using Microsoft.Extensions.Logging;
using Vmm.Core.Machines;
using Vmm.Core.Memory;
using Vmm.Migration.Channels;
using Vmm.Migration.Settings;

namespace Vmm.Migration;

/// <summary>Migrations of a machine. Machine loop only.</summary>
public sealed partial class Migrator : IDisposable
{
    private readonly Machine _machine;
    private readonly ILogger _log;
    private readonly MigrationMetrics _metrics;
    private ulong _began;
    private ulong? _totalTime;
    private ulong? _setupTime;
    private string? _error;
    private TaskCompletionSource _settled = new();

    /// <summary>Creates the migrations of a machine.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="log">Where accounts and failures are reported.</param>
    public Migrator(Machine machine, ILogger log)
    {
        _machine = machine;
        _log = log;
        _metrics = new MigrationMetrics(this);
    }

    /// <summary>Raised for each state that the migration enters.</summary>
    public event Action<MigrationStatus>? StatusChanged;

    /// <summary>Raised for each pass over the state, counted from 1.</summary>
    public event Action<int>? PassBegan;

    /// <summary>Where the present or last migration stands.</summary>
    public MigrationStatus Status { get; private set; }

    /// <summary>The parameters.</summary>
    public MigrationParameters Parameters { get; private set; } = new();

    /// <summary>The capabilities.</summary>
    public MigrationCapabilities Capabilities { get; private set; } = new();

    private bool IsUnderWay =>
        Status is MigrationStatus.Setup or MigrationStatus.Active or MigrationStatus.Device or MigrationStatus.Cancelling;

    /// <summary>Changes parameters, all at once.</summary>
    /// <exception cref="MigrationException">A migration runs, or a value is out of range.</exception>
    public void SetParameters(MigrationParameters parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        RefuseWhileUnderWay();
        Parameters = parameters;
    }

    /// <summary>Changes capabilities, all at once.</summary>
    /// <exception cref="MigrationException">A migration runs.</exception>
    public void SetCapabilities(MigrationCapabilities capabilities)
    {
        RefuseWhileUnderWay();
        Capabilities = capabilities;
    }

    /// <summary>Switches the events on before any client could: the command line asked for them.</summary>
    public void EnableEvents() => Capabilities = Capabilities with { Events = true };

    /// <summary>What query-migrate reports.</summary>
    public MigrationReport Report() => new()
    {
        Status = Status,
        Error = OutgoingError(),
        Blockers = Blockers(),
        ListeningAddress = Status == MigrationStatus.Setup ? _mainAddress : null,
        Transferred = _outgoing?.Transferred ?? _transferred,
        TotalTime = Status is MigrationStatus.None or MigrationStatus.Setup ? null : _totalTime ?? Elapsed(),
        SetupTime = _setupTime,
        ExpectedDowntime = Status is MigrationStatus.Active or MigrationStatus.Device ? Milliseconds(_outgoing?.ExpectedPause) : null,
        Downtime = Status == MigrationStatus.Completed && _times is { Pause: > 0 } ? Milliseconds(_times.Pause) : null,
        Times = Status == MigrationStatus.Completed ? _times : null,
    };

    /// <summary>Completes when no migration is under way (any more).</summary>
    public Task SettledAsync() => IsUnderWay ? _settled.Task : Task.CompletedTask;

    /// <summary>Ends whatever is under way and closes every channel.</summary>
    public void Dispose()
    {
        var end = new BestEffort(_log, "the process ends");
        IEnumerable<IDisposable?> parts = [_preflight, _outgoing, _peer, _incoming, _cprListener, _mainListener, _early, _metrics];
        foreach (var part in parts)
        {
            end.Do("close a channel", () => part?.Dispose());
        }
    }

    /// <summary>A process that waits for a guest may still be configured: what it will do as the old one is not under way.</summary>
    private void RefuseWhileUnderWay()
    {
        if (IsUnderWay && _machine.State != RunState.Inmigrate)
        {
            throw new MigrationException("There's a migration process in progress");
        }

        if (_preflight is not null)
        {
            throw new MigrationException("There's a preflight of a migration in progress");
        }
    }

    private void Begin()
    {
        _began = Instant.Now;
        _totalTime = null;
        _setupTime = null;
        _error = null;
        _times = null;
        _finalSteps = null;
        _transferred = 0;
        Enter(MigrationStatus.Setup);
    }

    private void Enter(MigrationStatus status)
    {
        Status = status;
        if (!IsUnderWay)
        {
            _totalTime ??= Elapsed();
        }

        try
        {
            if (Capabilities.Events)
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

    private void Pass(int number)
    {
        if (Capabilities.Events)
        {
            PassBegan?.Invoke(number);
        }
    }

    /// <summary>Microseconds in milliseconds, rounded up.</summary>
    private static ulong? Milliseconds(ulong? microseconds) => (microseconds + 999) / 1000;

    private ulong Elapsed() => (Instant.Now - _began) / 1_000_000;

    private List<string> Blockers() => _machine.Configuration.IsRamShared
        ? []
        :
        [
            $"Memory region {MemoryBackend.OfMachine(_machine.Configuration).Id} is not compatible with CPR. share=on is "
            + "required for memory-backend objects, and aux-ram-share=on is required.",
        ];
}
