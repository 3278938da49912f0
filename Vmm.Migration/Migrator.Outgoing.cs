// The old process's side: the command migrate, its refusals, and what is reported while the handover runs.
//
// The events keep QEMU's order: setup, STOP, pass 1, active, device, pass 2, completed; a failure before the stop is only
// "failed", one after it "failed" and RESUME. Nothing is reported inside the pause: what happened there is reported, with the time
// at which it happened, once the state is on its way.

using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;
using Vmm.Migration.Settings;

namespace Vmm.Migration;

public sealed partial class Migrator
{
    /// <summary>A peer that dies closes its channels a moment before it has ended; so long its end is waited for after a failure.</summary>
    private static readonly TimeSpan PeerExitWait = TimeSpan.FromSeconds(1);

    private OutgoingHandover? _outgoing;
    private SafeFileHandle? _mainDescriptor;
    private PeerProcess? _peer;
    private HandoverTimes? _times;
    private ulong _transferred;
    private BestEffort? _finalSteps;
    private bool _failureReported;

    /// <summary>Starts a migration; it continues after this returns.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="takeDescriptor">Hands out the descriptor that getfd named; it then belongs to the migration.</param>
    /// <exception cref="MigrationException">It is refused, or no process listens for it; the guest is untouched.</exception>
    public void Migrate(MigrationTarget target, Func<string, SafeHandle?>? takeDescriptor = null)
    {
        ArgumentNullException.ThrowIfNull(target);
        RefuseByRunState();
        RefuseWhileUnderWay();
        var cpr = CprAddress(target);
        RefuseTarget(target);
        _mainDescriptor = MainDescriptor(target.Main, takeDescriptor);

        _peer?.Dispose();
        _peer = null;
        Begin();
        try
        {
            _outgoing = new OutgoingHandover(
                _machine, Parameters, PathOf(cpr), (loop, cancelled) => OpenMainAsync(loop, target.Main, cancelled), _log)
            {
                OnReady = LogWarnings,
                OnStateSent = ReportSwitch,
                OnStaying = ReportFailure,
            };
        }
        catch (HandoverException e)
        {
            _mainDescriptor?.Dispose();
            _error = e.Message;
            Enter(MigrationStatus.Failed);
            _metrics.Record(isOutgoing: true, Status, null);
            throw new MigrationException(e.Message, e);
        }

        _peer = _outgoing.PeerProcess;
        _failureReported = false;
        ThreadScheduling.Yield();
        _ = RunAsync(_outgoing);
    }

    /// <summary>Gives the migration or preflight under way up; without effect when there is none.</summary>
    public void Cancel()
    {
        _preflight?.Cancel();
        if (_outgoing is not null && Status is MigrationStatus.Setup or MigrationStatus.Active or MigrationStatus.Device)
        {
            Enter(MigrationStatus.Cancelling);
            _outgoing?.Cancel();
        }
    }

    private async Task RunAsync(OutgoingHandover handover)
    {
        BestEffort steps;
        try
        {
            steps = await handover.RunAsync();
            _times = handover.Times;
            _error = handover.MissingAcknowledgement;
            _finalSteps = steps;
            steps.Do("watch for the end of the new process", () => handover.PeerProcess.Follow());
            steps.Do("report that the migration is completed", () => Enter(MigrationStatus.Completed));
            LogHandedOver(_log, handover.PeerName, handover.Times);
        }
        catch (Exception e)
        {
            steps = new BestEffort(_log, "the guest stays in this process");
            steps.Do("watch for the end of the new process", () => handover.PeerProcess.Follow(PeerExitWait));
            steps.Do("report that the migration failed", () => ReportFailure(e));
            LogStayed(_log, handover.PeerName, e.Message);
        }

        _transferred = handover.Transferred;
        _outgoing = null;
        steps.Do("close the channels", handover.Dispose);
        steps.Do("record the times", () => _metrics.Record(isOutgoing: true, Status, _times));

        // Closed with the handover if that came to use it.
        steps.Do("close the main channel's descriptor", () => _mainDescriptor?.Dispose());
    }

    private void ReportSwitch()
    {
        _setupTime = Elapsed();
        bool cancelling = Status == MigrationStatus.Cancelling;
        Pass(1);
        if (!cancelling)
        {
            Enter(MigrationStatus.Active);
            Enter(MigrationStatus.Device);
        }

        Pass(2);
    }

    private void ReportFailure(Exception failure)
    {
        if (!_failureReported)
        {
            _failureReported = true;
            bool cancelled = Status == MigrationStatus.Cancelling;
            _error = cancelled ? null : failure.Message;
            Enter(cancelled ? MigrationStatus.Cancelled : MigrationStatus.Failed);
        }
    }

    /// <summary>What went wrong, if anything, and whether the peer has ended since.</summary>
    private string? OutgoingError()
    {
        var parts = new List<string>(_error is null ? [] : [_error]);
        parts.AddRange(_finalSteps?.Failures ?? []);
        if (_peer is { HasEnded: true } && Status is MigrationStatus.Completed or MigrationStatus.Failed)
        {
            parts.Add($"{_peer.Name}{(Status == MigrationStatus.Completed ? ", which had the guest," : "")} has ended");
        }

        return parts.Count == 0 ? null : string.Join("; ", parts);
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

    /// <summary>Where the new process listens: as the command says, or the parameter.</summary>
    private ChannelAddress CprAddress(MigrationTarget target)
    {
        if (Parameters.Mode != MigrationMode.CprTransfer)
        {
            throw new MigrationException(
                "migration mode 'normal' is not available in this version; set the migration parameter 'mode' to 'cpr-transfer'");
        }

        if (target.Cpr is not null)
        {
            return target.Cpr;
        }

        if (Parameters.CprUri.Length == 0)
        {
            throw new MigrationException(
                target.IsUri ? "cpr-transfer mode requires setting cpr-uri" : "missing 'cpr' migration channel");
        }

        return ChannelAddress.ParseUri(Parameters.CprUri) as UnixAddress
            ?? throw new MigrationException($"bad cpr-uri {Parameters.CprUri}; must be unix:");
    }

    private static string PathOf(ChannelAddress cpr) =>
        (cpr as UnixAddress)?.Path ?? throw new HandoverException("bad cpr channel address; must be unix");

    private void RefuseTarget(MigrationTarget target)
    {
        if (target.Main is FileAddress or ExecAddress)
        {
            throw new MigrationException("Migration requires streamable transport (eg unix)");
        }

        switch (target.Main)
        {
            case UnixAddress or DescriptorAddress:
                break;
            case InetAddress inet:
                _ = InetEndPoints.ToConnect(inet);
                break;
            default:
                throw new MigrationException("cpr-transfer requires a unix channel");
        }

        if (Blockers() is [var blocker, ..])
        {
            throw new MigrationException(blocker);
        }
    }

    /// <summary>A main channel that was given as a descriptor is taken now, for the name is good only once; a path has none.</summary>
    private static SafeFileHandle? MainDescriptor(ChannelAddress address, Func<string, SafeHandle?>? takeDescriptor)
    {
        if (address is not DescriptorAddress descriptor)
        {
            return null;
        }

        using var named = takeDescriptor?.Invoke(descriptor.NameOrNumber);
        RefuseDescriptor(descriptor, named);
        var socket = FileDescriptor.Duplicate(named);
        FileDescriptor.MakePrivate(socket);
        return socket;
    }

    /// <summary>What is no connection is refused while the guest runs: nothing is sent on it before the guest is stopped.</summary>
    private static void RefuseDescriptor(DescriptorAddress address, [NotNull] SafeHandle? named)
    {
        if (named is null)
        {
            throw new MigrationException($"File descriptor named '{address.NameOrNumber}' has not been found");
        }

        if (StreamSockets.WhyNotConnected(named) is { } problem)
        {
            throw new MigrationException($"fd:{address.NameOrNumber}: a connected stream socket was expected for the main channel; {problem}");
        }
    }

    /// <summary>Opens the main channel, when it is time: a path or port is connected to, a descriptor is connected already.</summary>
    private ValueTask<LoopSocket> OpenMainAsync(EventLoop loop, ChannelAddress address, CancellationToken cancelled) => address switch
    {
        InetAddress inet => Connecting.ToInetAsync(
            loop, inet, Deadline.In(Parameters.CprConnectTimeout, inet.ToString(), "did not accept the main channel"), cancelled),
        UnixAddress unix => new(new LoopSocket(loop, Connecting.ToUnix(unix.Path))),
        _ => new(new LoopSocket(loop, _mainDescriptor!)),
    };

    [LoggerMessage(Level = LogLevel.Information, Message = "live update: the guest went to {Peer}: {Times}")]
    private static partial void LogHandedOver(ILogger log, string peer, HandoverTimes times);

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: the guest stays, {Peer} did not get it: {Reason}")]
    private static partial void LogStayed(ILogger log, string peer, string reason);
}
