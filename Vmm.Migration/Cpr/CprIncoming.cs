// The new process's side of an update: where it listens, which client it serves, and what becomes of it when an attempt fails. With
// -incoming defer it keeps waiting; otherwise its owner ends it, because no peer would come a second time.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Machines;
using Vmm.Core.Supervision;
using Vmm.Migration.Channels;
using Vmm.Migration.Engines;
using Vmm.Migration.Handover;
using Vmm.Migration.Plans;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Cpr;

/// <summary>A process's wait for a guest. Machine loop only.</summary>
internal sealed partial class CprIncoming : IIncomingMigration
{
    private readonly Machine _machine;
    private readonly Func<MigrationParameters> _parameters;
    private readonly SystemdNotification _supervisor;
    private readonly IIncomingProgress _progress;
    private readonly ILogger _log;
    private readonly bool _deferred;
    private readonly TaskCompletionSource _mainOpen = new();
    private readonly HandshakeSlots _handshakes = new();
    private readonly IncomingListener _cprListener;
    private IncomingListener? _mainListener;
    private EarlyConnections? _early;
    private IncomingHandover? _handover;

    /// <summary>Begins to listen.</summary>
    /// <param name="machine">The machine that waits.</param>
    /// <param name="cpr">Where the old process will connect.</param>
    /// <param name="main">The main channel; null leaves it to <see cref="Listen"/> (-incoming defer).</param>
    /// <param name="parameters">The parameters, read when an attempt begins.</param>
    /// <param name="supervisor">What learns from this one that it has the guest.</param>
    /// <param name="progress">What is reported to.</param>
    /// <param name="log">Where accounts and failures are reported.</param>
    /// <exception cref="HandoverException">An address cannot be listened on.</exception>
    internal CprIncoming(
        Machine machine,
        ChannelAddress cpr,
        ChannelAddress? main,
        Func<MigrationParameters> parameters,
        SystemdNotification supervisor,
        IIncomingProgress progress,
        ILogger log)
    {
        _machine = machine;
        _parameters = parameters;
        _supervisor = supervisor;
        _progress = progress;
        _log = log;
        _deferred = main is null;
        _cprListener = IncomingListener.Open(machine.Loop, cpr, log, Serve, unixOnly: true);
        try
        {
            if (main is not null)
            {
                Listen(main);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ChannelAddress? ListeningAddress { get; private set; }

    /// <inheritdoc/>
    public void Listen(ChannelAddress main, Func<string, SafeHandle?>? takeDescriptor = null)
    {
        if (_mainListener is not null || _machine.State != RunState.Inmigrate)
        {
            throw new MigrationException("The incoming migration has already been started");
        }

        _mainListener = IncomingListener.Open(_machine.Loop, main, _log, OnMainConnection);
        _early = new EarlyConnections(_machine.Loop, connection => _handover?.TryOfferMain(connection) == true);
        ListeningAddress = _mainListener.Address;
        _progress.Listening();
        _mainOpen.TrySetResult();
    }

    /// <summary>An update is given up by the process that has the guest.</summary>
    public void Cancel()
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _handover?.Dispose();
        EndListening();
    }

    private void OnMainConnection(SafeFileHandle connection)
    {
        // An unknown client must speak first: another client of a TCP port must not keep the old process away.
        if (Credentials.AreKnown(connection) && _handover?.TryOfferMain(connection) == true)
        {
            return;
        }

        if (_handover?.IsMainConnected != true && Credentials.Permit(connection))
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
            handover = new IncomingHandover(_machine, _parameters(), connection, AcceptPending, _log)
            {
                Handshakes = _handshakes,
                TryClaim = () => _handover is null && _machine.State == RunState.Inmigrate,
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

        handover.OnBuilt = () => Differences.Log(_log, handover.Warnings);
        handover.OnOwned = () =>
        {
            ReportReceiving(handover);

            // Where new was started as a process of old's service, that is not over when old ends.
            _supervisor.FollowThis();
        };
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

        _handover = handover;
        if (plan.IsPreflight)
        {
            await AnswerPreflightAsync(handover, plan);
            return;
        }

        _progress.AttemptBegan(_mainOpen.Task.IsCompleted);
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
            _handover = null;
        }
    }

    /// <summary>The guest is here. Does not throw.</summary>
    private void Finish(IncomingHandover handover, BestEffort taken)
    {
        taken.Do("close the sockets that it waited at", EndListening);
        _progress.Arrived(handover.Times, taken);
        taken.Do("log that", () => LogTaken(_log, handover.PeerName, handover.Times));
    }

    private void Fail(IncomingHandover handover, Exception failure)
    {
        var steps = new BestEffort(_log, "the guest was not taken over");
        steps.Do("report that the channel was used", () => ReportReceiving(handover));
        steps.Do("report that the migration failed", () => _progress.NotTaken(failure));
        LogNotTaken(_log, handover.PeerName, failure.Message);
        if (!_deferred)
        {
            steps.Do("close the sockets that it waited at", EndListening);
            _progress.GaveUp(failure.Message);
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
            _handover = null;
        }

        LogPreflight(_log, handover.PeerName, reasons.Count == 0 ? "it would succeed" : string.Join("; ", reasons));
        await handover.AnswerAsync(reasons);
    }

    private void ReportReceiving(IncomingHandover handover)
    {
        if (handover.IsMainConnected)
        {
            _progress.Receiving();
        }
    }

    private void EndListening()
    {
        ListeningAddress = null;
        var steps = new BestEffort(_log, "nothing is waited for any more");
        steps.Do("close the cpr socket", _cprListener.Dispose);
        steps.Do("close the main socket", () => _mainListener?.Dispose());
        steps.Do("close early connections", () => _early?.Dispose());
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "live update: took the guest over from {Peer}: {Times}")]
    private static partial void LogTaken(ILogger log, string peer, HandoverTimes times);

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: did not take the guest of {Peer}: {Reason}")]
    private static partial void LogNotTaken(ILogger log, string peer, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "live update: a preflight by {Peer}: {Verdict}")]
    private static partial void LogPreflight(ILogger log, string peer, string verdict);

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: a client cannot be served: {Reason}")]
    private static partial void LogNotServed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: rejected {Peer}: {Reason}")]
    private static partial void LogStray(ILogger log, string peer, string reason);
}
