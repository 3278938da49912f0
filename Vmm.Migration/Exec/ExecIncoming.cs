// The program that has replaced another in the guest's process takes the guest from the record: it builds the machine from the descriptors that stayed open,
// loads the state, takes the baton. Whatever fails before that leads back to the program that was here before, by exec, with the same record; that runs
// this very code, and reports the failure.
//
// Where the keeper was faster, the guest is in that process, and there is nothing left to do here.

using Microsoft.Extensions.Logging;
using Vmm.Core.Descriptors;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Core.Supervision;
using Vmm.Migration.Channels;
using Vmm.Migration.Cpr;
using Vmm.Migration.Engines;
using Vmm.Migration.Handover;
using Vmm.Migration.Plans;
using Vmm.Migration.Streams;

namespace Vmm.Migration.Exec;

/// <summary>The arrival of a guest whose process has become this program. Machine loop only.</summary>
/// <param name="machine">The machine that waits.</param>
/// <param name="start">What the program before has left.</param>
/// <param name="supervisor">What learns from this one that it has the guest, where there is no keeper to say so.</param>
/// <param name="progress">What is reported to.</param>
/// <param name="log">Where account and failures are reported.</param>
internal sealed partial class ExecIncoming(
    Machine machine, ExecStart start, SystemdNotification supervisor, IExecProgress progress, ILogger log)
{
    private readonly List<IExecCrossing> _restored = [];
    private readonly HandoverTimes _times = new();

    private ExecRecord Record => start.Record!;

    /// <summary>Takes the guest. Where it is not taken this returns only if the way back is closed.</summary>
    /// <exception cref="HandoverException">The guest was not taken, and this process has nothing left to do.</exception>
    internal async Task RunAsync()
    {
        IncomingBuild? build = null;
        PauseScope.BeginBoost();
        Board board;
        PauseInstants old;
        ArrivalInstants arrival;
        bool isTaken;
        try
        {
            ulong received = HandoverTimes.Now;
            RefuseOtherProcess();
            start.CopyDescriptors();
            var plan = PlanCodec.Read(new StateReader(Record.Plan), Record.Protocol);
            Boundary.Passed(ExecStep.NewRecordRead);
            Restore();
            build = new IncomingBuild(machine, plan, start.HandedOver, log);
            board = Build(build);
            old = await LoadAsync(board);
            ulong applied = HandoverTimes.Now;
            isTaken = build.TakeBaton();
            arrival = new ArrivalInstants(received, applied, HandoverTimes.Now, 0);
        }
        catch (Exception e)
        {
            PauseScope.EndBoost();
            if (build?.IsTakenByOther == true)
            {
                start.Decided();
            }

            // Nothing is closed: the program before finds everything under its number.
            string? wayBack = start.GoBack(IncomingBuild.Reason(e));
            throw new HandoverException($"the guest was not taken, and this process ends: {e.Message}{(wayBack is null ? "" : $"; and the way back is closed: {wayBack}")}", e);
        }

        // Up to here every error leads back, from here on none does.
        start.Decided();
        if (!isTaken)
        {
            PauseScope.EndBoost();
            throw new HandoverException($"the guest is in process {Record.Keeper.ProcessId}, which kept it and took it, because this process was too late");
        }

        Take(board, old, arrival);
        Log(build.Warnings);
        build.Dispose();
    }

    /// <summary>A wrapper that starts a process for this program only now. The keeper takes the guest: the supervisor knows of that one.</summary>
    private void RefuseOtherProcess()
    {
        int meant = UnixSocket.PeerOf(start.Original(Record.Keeper.Channel)).ProcessId;
        if (meant != Environment.ProcessId)
        {
            start.Decided();
            throw new HandoverException($"process {meant} was to become this program, and started process {Environment.ProcessId} for it");
        }
    }

    private static Board Build(IncomingBuild build)
    {
        var reasons = build.Run();
        if (reasons.Count > 0)
        {
            throw new HandoverException($"the new program cannot have the guest: {string.Join("; ", reasons)}");
        }

        Boundary.Passed(HandoverStep.NewBuilt);
        return build.Board!;
    }

    /// <summary>Before the machine is built: what the command line names by number is no one else's.</summary>
    private void Restore()
    {
        foreach (var part in machine.Handover.ExecParts)
        {
            var (name, content) = Record.Contents.FirstOrDefault(content => content.Name == part.Name);
            if (name is not null)
            {
                _restored.Add(part);
                part.Restore(new StateReader(content), start.HandedOver);
            }
        }
    }

    private async Task<PauseInstants> LoadAsync(Board board)
    {
        var state = Record.State;
        if (state.Length < PauseInstants.Size)
        {
            throw new StateException($"the record's state has {state.Length} bytes, at least {PauseInstants.Size} were expected");
        }

        VmStateReader.Read(new StateReader(state[..^PauseInstants.Size]), machine.Configuration.MachineType, RamTable.Of(board), board.Sections);
        Boundary.Passed(HandoverStep.NewLoaded);
        await board.ApplyStateAsync();
        Boundary.Passed(HandoverStep.NewApplied);
        return PauseInstants.Read(state[^PauseInstants.Size..]);
    }

    /// <summary>The guest is this program's. Does not throw.</summary>
    private void Take(Board board, PauseInstants old, ArrivalInstants arrival)
    {
        var taken = new BestEffort(log, "the guest was taken over");
        Boundary.Passed(HandoverStep.NewTaken);
        taken.Do("use what stayed open", () => machine.Handover.Own(board, taken, released: () =>
        {
            ulong running = board.Vm.Cpus.StartedAt is > 0 and var at ? at : HandoverTimes.Now;
            _times.Account(old, arrival with { Running = running });
            Boundary.Passed(HandoverStep.NewReleased);

            // Before it is reported that the guest runs, as QEMU's clients know it.
            taken.Do("report what has become of the migration", () => Report(taken));
        }));
        PauseScope.EndBoost();
        Boundary.Passed(HandoverStep.NewRunning);
        foreach (var part in _restored)
        {
            taken.Do($"continue with {part.Name}", part.Resume);
        }

        LeaveKeeper(taken);
        if (start.HandedOver.Claim(ExecMemory.DescriptorName) is { } holder)
        {
            taken.Do("release the address space of the program before", () => ExecMemory.Release(machine.Loop, holder));
        }

        taken.Do("close what was kept for the way back", start.Arrive);
        Boundary.Passed(ExecStep.NewAlone);
    }

    private void Report(BestEffort taken)
    {
        if (start.Failure is { } failure)
        {
            progress.CameBack(new HandoverException(failure));
        }
        else
        {
            progress.Replaced(_times, taken);
        }
    }

    /// <summary>In the log file, which is this program's only now.</summary>
    private void Log(IReadOnlyList<string> warnings)
    {
        Differences.Log(log, warnings);
        if (start.Failure is { } failure)
        {
            LogStayed(log, failure);
        }
        else
        {
            LogTaken(log, _times);
        }
    }

    /// <summary>
    /// The keeper ends when its channel ends, because the guest is taken; a wrapper that has the channel too must not keep it. It is a child of this process,
    /// which waits for it. It names this process to the supervisor, which followed the keeper; unless it has ended before it could.
    /// </summary>
    private void LeaveKeeper(BestEffort taken)
    {
        taken.Do("wait for the end of the keeper", () =>
        {
            // Not a copy, which could be refused: then it would not be waited for.
            var process = start.TakeOriginal(Record.Keeper.Process);
            bool hasEnded = false;
            taken.Do("see whether the keeper has ended", () => hasEnded = PidFd.HasEnded(process));
            new ChildEnd(process).Await(machine.Loop, isKilled =>
            {
                if (hasEnded || isKilled)
                {
                    supervisor.FollowThis();
                }
            });
        });
        taken.Do("let the keeper end", () => HostSocket.Shutdown(start.Original(Record.Keeper.Channel)));
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "live update: this program has the guest: {Times}")]
    private static partial void LogTaken(ILogger log, HandoverTimes times);

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: the guest is back in this program, because the new one did not take it: {Reason}")]
    private static partial void LogStayed(ILogger log, string reason);
}
