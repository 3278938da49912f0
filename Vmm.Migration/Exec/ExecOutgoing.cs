// The old program's side of an update by exec. The new program is asked, the keeper gets everything that a new process would get, the guest is stopped, its
// state goes to the keeper and into the record, and this program becomes the new one. The code after that runs only if it did not: then the guest
// resumes here.
//
// What is open stays open across exec by being made inheritable directly before it, and is made close-on-exec again directly after an exec that failed.

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
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

/// <summary>One attempt to have the guest in a new program of this process. Machine loop only.</summary>
/// <param name="machine">The machine whose guest goes.</param>
/// <param name="settings">What the operator has set.</param>
/// <param name="supervisor">What learns from this one which process has the guest.</param>
/// <param name="progress">What is reported to.</param>
/// <param name="log">Where account and failures are reported.</param>
internal sealed partial class ExecOutgoing(
    Machine machine, ExecSettings settings, SystemdNotification supervisor, IOutgoingProgress progress, ILogger log) : IOutgoingMigration
{
    private static readonly TimeSpan MemoryMargin = TimeSpan.FromMinutes(1);

    private readonly List<IExecCrossing> _held = [];
    private ExecQuestion? _question;
    private ExecChild? _keeper;
    private OutgoingHandover? _handover;
    private SafeFileHandle? _image;
    private SafeFileHandle? _record;
    private ExecMemory? _memory;
    private ushort _protocol;
    private bool _isCancelled;
    private bool _isKeeperFollowed;
    private bool _isOver;

    /// <inheritdoc/>
    public ulong Transferred => _handover?.Transferred ?? 0;

    /// <inheritdoc/>
    public RamProgress? Ram => null;

    /// <inheritdoc/>
    public ulong? ExpectedPause => null;

    /// <inheritdoc/>
    public string? PeerEnd => null;

    /// <inheritdoc/>
    public void Open()
    {
        _question = new ExecQuestion(machine, settings.Parameters, supervisor, log);
        try
        {
            _image = ProgramImage.OpenFile();
            _record = RecordFile.Create();
        }
        catch (PosixException e)
        {
            throw new HandoverException(e.Message, e);
        }
    }

    /// <inheritdoc/>
    public async Task RunAsync()
    {
        await Task.Yield();
        try
        {
            (_, _protocol) = await _question!.AskAsync();
            _question.Dispose();
            ThrowIfCancelled();
            _keeper = ExecChild.StartKeeper(machine, _image!, settings.Parameters.CprLoadTimeout);
            _handover = new OutgoingHandover(machine, settings.Parameters, _keeper.Link, log)
            {
                OnReady = warnings => Differences.Log(log, warnings),
                OnStateSent = ReportSwitch,
                OnStaying = Stay,
                Besides = VmKept,
                BeforeStop = RestAsync,
                BecomeOther = Become,
            };
            ThrowIfCancelled();
            Finish(await _handover.RunAsync());
        }
        catch (Exception e)
        {
            var steps = new BestEffort(log, "the guest stays in this program");
            Continue(steps);
            FollowAgain();
            steps.Do("report that the migration failed", () => Stay(e));
            steps.Do("log that", () => LogStayed(log, e.Message));
            steps.Do("hang up", () => _handover?.Dispose());
            await steps.DoAsync("end the keeper", () => _keeper?.EndAsync() ?? Task.CompletedTask);
        }

        Dispose();
    }

    /// <inheritdoc/>
    public void Cancel()
    {
        _isCancelled = true;
        _question?.Cancel();
        _handover?.Cancel();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isOver)
        {
            return;
        }

        _isOver = true;
        var end = new BestEffort(log, "the attempt is over");
        end.Do("end the new program", () => _question?.Dispose());
        end.Do("close the channels", () => _handover?.Dispose());
        end.Do("stop watching for the end of the keeper", () => _handover?.PeerProcess.Dispose());
        end.Do("end the keeper", () => _keeper?.Dispose());
        end.Do("let the address space go", () => _memory?.Dispose());
        end.Do("close the program's file", () => _image?.Dispose());
        end.Do("close the record", () => _record?.Dispose());
        Continue(end);
    }

    /// <summary>exec closes the VM, and waits until it is taken apart unless another process has it too: the keeper does that later.</summary>
    private IReadOnlyList<HandoverDescriptor> VmKept =>
        machine.Board?.Vm.Descriptor is { } vm ? [new HandoverDescriptor("vm", vm)] : [];

    private void ThrowIfCancelled()
    {
        if (_isCancelled)
        {
            throw new HandoverException("the migration was cancelled");
        }
    }

    private async Task RestAsync()
    {
        foreach (var part in machine.Handover.ExecParts)
        {
            _held.Add(part);
            await part.HoldAsync(TimeSpan.FromMilliseconds(settings.Parameters.CprConnectTimeout));
        }

        // The keeper loads the state within the time-out, and the new program takes the guest within it.
        _memory = new ExecMemory(machine.Loop, log);
        _memory.Keep(TimeSpan.FromMilliseconds(2.0 * settings.Parameters.CprLoadTimeout) + MemoryMargin);
    }

    /// <summary>The guest is not in a new program: what was held continues.</summary>
    private void Continue(BestEffort steps)
    {
        foreach (var part in _held)
        {
            steps.Do($"continue with {part.Name}", part.Continue);
        }

        _held.Clear();
    }

    /// <summary>The keeper took the guest before this program had become another one: it is as after an update to another process.</summary>
    private void Finish(BestEffort steps)
    {
        string name = _keeper!.Name;
        progress.Left(_handover!.Times, steps, $"the guest is in {name}: this process did not become the new program in time");
        steps.Do("leave the keeper alone", _keeper.Leave);
        steps.Do("log that", () => LogKept(log, name));
    }

    /// <summary>Where the supervisor believes the main process only, and that is the keeper now, the keeper says the same when it ends.</summary>
    private void FollowAgain()
    {
        if (_isKeeperFollowed)
        {
            supervisor.FollowThis();
        }
    }

    private void Stay(Exception failure) => progress.Stays(failure);

    /// <summary>In QEMU's order, which in this mode has no first pass.</summary>
    private void ReportSwitch()
    {
        progress.Prepared();
        progress.Sending();
        progress.PassBegan(2);
        progress.Stopped();
    }

    private Exception Become(OutgoingOffer offer, ReadOnlyMemory<byte> state)
    {
        try
        {
            return Replace(offer, state);
        }
        catch (Exception e)
        {
            return new HandoverException($"the record for the new program cannot be made: {e.Message}", e);
        }
    }

    private Exception Replace(OutgoingOffer offer, ReadOnlyMemory<byte> state)
    {
        // For the new program, which may be of another version than the keeper.
        var plan = new StateWriter();
        PlanCodec.Write(plan, offer.Plan, _protocol);
        var crossing = new List<HandoverDescriptor>(offer.Descriptors);
        var contents = new List<(string, ReadOnlyMemory<byte>)>();
        foreach (var part in _held)
        {
            var content = new StateWriter(4096);
            part.Save(content, crossing);
            contents.Add((part.Name, content.WrittenMemory));
        }

        if (_memory?.Process is { } holder)
        {
            crossing.Add(new HandoverDescriptor(ExecMemory.DescriptorName, holder));
        }

        using var borrowed = new BorrowedDescriptors([.. crossing.Select(descriptor => descriptor.Handle)]);
        var record = new ExecRecord
        {
            Protocol = _protocol,
            Plan = plan.WrittenMemory,
            State = state,
            Descriptors = [.. crossing.Zip(borrowed.Numbers, (descriptor, number) => (descriptor.Name, number))],
            Contents = contents,
            WayBack = (ExecStart.Number(_image!), ProgramImage.Arguments),
            Keeper = (ExecStart.Number(_keeper!.Channel), ExecStart.Number(_keeper.Program.Process), _keeper.Program.Id),
            Settings = settings,
        };

        // The number of this process stays, but what becomes of it does not matter to the guest any more: the keeper takes it.
        supervisor.Follow(_keeper.Program.Id);
        _isKeeperFollowed = true;
        var bytes = record.Write();

        // What this program cannot read, the new one cannot either, nor this one if it comes back.
        _ = ExecRecord.Read(bytes);
        RecordFile.Write(_record!, bytes.Span);

        System.Runtime.InteropServices.SafeHandle[] inherited =
            [.. crossing.Select(descriptor => descriptor.Handle), _record!, _image!, _keeper.Channel, _keeper.Program.Process];
        var command = settings.Parameters.CprExecCommand;
        byte[][] arguments = [.. command.Select(System.Text.Encoding.UTF8.GetBytes)];
        Exception failure;
        try
        {
            Array.ForEach(inherited, handle => ProgramImage.SetInherited(handle, true));
            Boundary.Passed(ExecStep.OldLeaving);
            failure = new HandoverException($"execvp {command[0]} failed: {ProgramImage.Replace(arguments, ExecStart.Environment(_record!)).Reason}");
        }
        catch (Exception e)
        {
            failure = e;
        }

        var steps = new BestEffort(log, "this program was not replaced");
        foreach (var handle in inherited)
        {
            steps.Do("make a descriptor close-on-exec again", () => ProgramImage.SetInherited(handle, false));
        }

        return failure;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: the guest stays, the new program did not get it: {Reason}")]
    private static partial void LogStayed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: the guest is in {Keeper}: this process did not become the new program in time")]
    private static partial void LogKept(ILogger log, string keeper);
}
