// The new process's side: where it listens, which client it serves, and what becomes of it when an attempt fails. With -incoming
// defer it keeps waiting; otherwise its owner ends it, because no peer would come a second time.

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Machines;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;
using Vmm.Migration.Plans;

namespace Vmm.Migration;

public sealed partial class Migrator
{
    private readonly TaskCompletionSource _mainOpen = new();
    private readonly HandshakeSlots _handshakes = new();
    private IncomingListener? _cprListener;
    private IncomingListener? _mainListener;
    private EarlyConnections? _early;
    private IncomingHandover? _incoming;
    private ChannelAddress? _mainAddress;
    private bool _isIncoming;
    private bool _deferred;

    /// <summary>Called when an incoming attempt failed and this process has nothing left to wait for.</summary>
    public event Action<string>? IncomingFailed;

    /// <summary>Waits for a guest.</summary>
    /// <param name="cpr">Where the old process will connect.</param>
    /// <param name="main">The main channel; null leaves it to migrate-incoming (-incoming defer).</param>
    /// <exception cref="HandoverException">An address cannot be listened on.</exception>
    public void AwaitGuest(ChannelAddress cpr, ChannelAddress? main)
    {
        _machine.AwaitGuest();
        _isIncoming = true;
        _deferred = main is null;
        _cprListener = IncomingListener.Open(_machine.Loop, cpr, _log, Serve, unixOnly: true);
        if (main is not null)
        {
            OpenMainListener(main);
        }
    }

    /// <summary>Opens the main channel of a process that was started with -incoming defer.</summary>
    /// <exception cref="MigrationException">It was not, or the channel is open, or cannot be opened.</exception>
    public void StartIncoming(ChannelAddress main)
    {
        if (!_isIncoming)
        {
            throw new MigrationException("'-incoming' was not specified on the command line");
        }

        if (_mainListener is not null || _machine.State != RunState.Inmigrate)
        {
            throw new MigrationException("The incoming migration has already been started");
        }

        try
        {
            OpenMainListener(main);
        }
        catch (HandoverException e)
        {
            throw new MigrationException(e.Message, e);
        }
    }

    private void OpenMainListener(ChannelAddress main)
    {
        _mainListener = IncomingListener.Open(_machine.Loop, main, _log, OnMainConnection);
        _early = new EarlyConnections(_machine.Loop, connection => _incoming?.TryOfferMain(connection) == true);
        _mainAddress = _mainListener.Address;
        Begin();
        _mainOpen.TrySetResult();
    }

    private void OnMainConnection(SafeFileHandle connection)
    {
        // An unknown client must speak first: another client of a TCP port must not keep the old process away.
        if (Credentials.AreKnown(connection) && _incoming?.TryOfferMain(connection) == true)
        {
            return;
        }

        if (_incoming?.IsMainConnected != true && Credentials.Permit(connection))
        {
            _early!.Add(connection);
        }
        else
        {
            connection.Dispose();
        }
    }

    private void AcceptPending()
    {
        _mainListener?.AcceptPending();
        _early?.OfferSpeaking();
    }

    private void Serve(SafeFileHandle connection)
    {
        IncomingHandover handover;
        try
        {
            handover = new IncomingHandover(_machine, Parameters, connection, AcceptPending, _log)
            {
                Handshakes = _handshakes,
                TryClaim = () => _incoming is null && _machine.State == RunState.Inmigrate,
                WaitForListening = () => _mainOpen.Task,
            };
        }
        catch (IOException e)
        {
            // The host refuses what a channel needs; the client tries again, or gives up.
            connection.Dispose();
            LogNotServed(_log, e.Message);
            return;
        }

        handover.OnBuilt = () => LogWarnings(handover.Warnings);
        handover.OnOwned = () => ReportActive(handover);
        _ = ServeAsync(handover);
    }

    private async Task ServeAsync(IncomingHandover handover)
    {
        using var owned = handover;
        if (await handover.HandshakeAsync() is not { } plan)
        {
            LogStray(_log, handover.PeerName, handover.Refusal ?? "it was refused");
            return;
        }

        _incoming = handover;
        if (plan.IsPreflight)
        {
            await AnswerPreflightAsync(handover, plan);
            return;
        }

        BeginAttempt();
        try
        {
            Finish(handover, await handover.RunAsync(plan));
        }
        catch (Exception e)
        {
            // Not taken: a handover that took the guest does not fail.
            Fail(handover, e);
        }
        finally
        {
            _incoming = null;
            _metrics.Record(isOutgoing: false, Status, _times);
        }
    }

    private void BeginAttempt()
    {
        if (Status == MigrationStatus.Failed && _mainOpen.Task.IsCompleted)
        {
            // An earlier attempt failed; this one is reported from its beginning.
            Begin();
        }
        else if (!_mainOpen.Task.IsCompleted)
        {
            // With -incoming defer nothing is reported before migrate-incoming. What fails before that began here all the same.
            _began = Instant.Now;
            _totalTime = null;
        }
    }

    /// <summary>The guest is here. Does not throw.</summary>
    private void Finish(IncomingHandover handover, BestEffort taken)
    {
        _finalSteps = taken;
        _times = handover.Times;
        taken.Do("close the sockets that it waited at", EndListening);
        taken.Do("report that the migration is completed", () => Enter(MigrationStatus.Completed));
        taken.Do("log that", () => LogTaken(_log, handover.PeerName, handover.Times));
    }

    private void Fail(IncomingHandover handover, Exception failure)
    {
        var steps = new BestEffort(_log, "the guest was not taken over");
        steps.Do("report that the channel was used", () => ReportActive(handover));
        _error = failure.Message;
        steps.Do("report that the migration failed", () => Enter(MigrationStatus.Failed));
        LogNotTaken(_log, handover.PeerName, failure.Message);
        if (!_deferred)
        {
            steps.Do("close the sockets that it waited at", EndListening);
            IncomingFailed?.Invoke(failure.Message);
        }
    }

    /// <summary>Answers a preflight. When the answer leaves, this process waits for a guest as before.</summary>
    private async Task AnswerPreflightAsync(IncomingHandover handover, Plan plan)
    {
        IReadOnlyList<string> reasons;
        try
        {
            reasons = await handover.RehearseAsync(plan);
        }
        finally
        {
            _incoming = null;
        }

        LogPreflight(_log, handover.PeerName, reasons.Count == 0 ? "it would succeed" : string.Join("; ", reasons));
        await handover.AnswerAsync(reasons);
    }

    /// <summary>The main channel was in use; reported after the pause.</summary>
    private void ReportActive(IncomingHandover handover)
    {
        if (handover.IsMainConnected && Status == MigrationStatus.Setup)
        {
            Enter(MigrationStatus.Active);
        }
    }

    private void EndListening()
    {
        _mainAddress = null;
        var steps = new BestEffort(_log, "nothing is waited for any more");
        steps.Do("close the cpr socket", () => _cprListener?.Dispose());
        steps.Do("close the main socket", () => _mainListener?.Dispose());
        steps.Do("close early connections", () => _early?.Dispose());
    }

    private void LogWarnings(IReadOnlyList<string> warnings)
    {
        foreach (string warning in warnings)
        {
            LogDifference(_log, warning);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: not as before: {Difference}")]
    private static partial void LogDifference(ILogger log, string difference);

    [LoggerMessage(Level = LogLevel.Information, Message = "live update: took the guest over from {Peer}: {Times}")]
    private static partial void LogTaken(ILogger log, string peer, HandoverTimes times);

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: did not take the guest of {Peer}: {Reason}")]
    private static partial void LogNotTaken(ILogger log, string peer, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "live update: a preflight by {Peer}: {Verdict}")]
    private static partial void LogPreflight(ILogger log, string peer, string verdict);

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: a client cannot be served: {Reason}")]
    private static partial void LogNotServed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: turned {Peer} away: {Reason}")]
    private static partial void LogStray(ILogger log, string peer, string reason);
}
