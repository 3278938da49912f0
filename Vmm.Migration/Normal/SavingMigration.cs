// A stopped guest on its way into a stream. It was stopped before, so what it is does not change; from the beginning to the end the machine is in run state
// finish-migrate, and no other operation of it begins. RAM and the stream's other side take the time that they take: a thread of its own writes, and this loop serves
// its clients.
//
// When the stream is whole, the guest is in postmigrate and stays: it can be continued, as long as no other process has it. Whatever fails before leaves it as it was,
// and no file that a restore would take.

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Core.Memory;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Engines;
using Vmm.Migration.Handover;
using Vmm.Migration.Settings;
using Vmm.Migration.Streams;

namespace Vmm.Migration.Normal;

/// <summary>One attempt to save the guest. Machine loop only.</summary>
/// <param name="machine">The machine whose guest is saved.</param>
/// <param name="parameters">The parameters of the attempt.</param>
/// <param name="capabilities">What is switched on.</param>
/// <param name="address">Where to.</param>
/// <param name="opened">The stream, where a client has opened it; it belongs to the attempt.</param>
/// <param name="progress">What is reported to.</param>
/// <param name="log">Where the outcome is reported.</param>
internal sealed partial class SavingMigration(
    Machine machine,
    MigrationParameters parameters,
    MigrationCapabilities capabilities,
    ChannelAddress address,
    StreamFile? opened,
    IOutgoingProgress progress,
    ILogger log)
    : IOutgoingMigration
{
    private readonly StreamWork _work = new();
    private readonly CancellationTokenSource _cancel = new();
    private StreamFile? _stream = opened;
    private bool _isOver;

    /// <inheritdoc/>
    public ulong Transferred { get; private set; }

    /// <inheritdoc/>
    public ulong? ExpectedPause => null;

    /// <inheritdoc/>
    public string? PeerEnd => null;

    /// <inheritdoc/>
    public RamProgress? Ram { get; private set; }

    /// <inheritdoc/>
    public void Open() => _stream ??= address is InetAddress ? null : StreamFile.Open(address, isRead: false);

    /// <inheritdoc/>
    public async Task RunAsync()
    {
        await Task.Yield();
        HandoverPause? pause = null;
        try
        {
            _stream ??= StreamFile.Of(address, await ConnectAsync(), isRead: false);
            RequireStopped();
            pause = await machine.Handover.PauseAsync(TimeSpan.FromMilliseconds(parameters.CprDrainTimeout));
            await SaveAsync(_stream, pause.Board);
            pause.Keep();
            LogSaved(log, address, Transferred);
            pause.Report(() => progress.Left(null, new BestEffort(log, "the guest was saved"), warning: null));
        }
        catch (Exception e)
        {
            await FailedAsync(e, pause);
        }

        Close();
    }

    /// <inheritdoc/>
    public void Cancel()
    {
        if (!_isOver)
        {
            _cancel.Cancel();
            _stream?.Cancel();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Cancel();
        _work.WaitEnded();
        Close();
    }

    private StreamConfiguration Configuration { get; } = new(machine.Configuration.MachineType)
    {
        LeavesShared = capabilities.IgnoreShared,
        Uuid = capabilities.ValidateUuid ? machine.Configuration.Uuid : null,
    };

    private async Task SaveAsync(StreamFile stream, Board board)
    {
        RefuseOwnMemory(board);
        board.FreezeTime();
        progress.Prepared();
        progress.PassBegan(1);
        progress.Sending();
        var table = RamTable.Of(board);
        var record = new MachineRecord((uint)board.Revision, board.Vm.GuestAbi, [.. GuestVisibleProperties.OfSaved(machine.Configuration)]);
        var head = new StateWriter();
        var described = new DescribedStart(VmStateWriter.WriteStart(head, Configuration), record.Write(head));
        VmStateWriter.WriteRamTable(head, table, Configuration.LeavesShared);
        VmStateWriter.BeginRamPart(head);
        RamBlock[] written = [.. board.Ram.Where(block => !Configuration.LeavesShared || !block.IsNamedFile)];
        Ram = RamProgress.Of(written);
        await _work.RunAsync(() =>
        {
            Write(stream, head.Written);
            new RamWriter(bytes => Write(stream, bytes), Ram).Write(written);
        });

        progress.Stopped();
        progress.PassBegan(2);
        byte[] rest = Rest(board, table, described);
        await _work.RunAsync(() =>
        {
            Write(stream, rest);
            stream.Finish(isRead: false);
        });
    }

    /// <summary>A guest may have been continued while a connection was being made.</summary>
    private void RequireStopped()
    {
        if (machine.State == RunState.Running)
        {
            throw new HandoverException(NormalEngine.NotOfRunningGuests);
        }
    }

    /// <summary>A file that is the guest's RAM would be emptied by the first byte.</summary>
    private void RefuseOwnMemory(Board board)
    {
        if (address is FileAddress file && HostFile.StatPath(file.Path) is { } status
            && board.Ram.FirstOrDefault(block => block.Identity is { } own && (own.Device, own.Inode) == (status.Device, status.Inode)) is { } block)
        {
            throw new HandoverException($"{address}: the file is the guest's memory, '{block.Name}'");
        }
    }

    /// <summary>What follows the pages of RAM: its end, the other sections, and the description of all of it.</summary>
    private byte[] Rest(Board board, IReadOnlyList<RamTableEntry> table, DescribedStart start)
    {
        var sections = new SavedSections(board.Sections.Where(section => !section.IsBackEnd)).Capture();
        var rest = new StateWriter();
        VmStateWriter.EndRamPart(rest);
        VmStateWriter.WriteRamEnd(rest);
        int devices = rest.Length;
        VmStateWriter.WriteSections(rest, sections);
        if (machine.Configuration.SuppressDescription)
        {
            return rest.Written.ToArray();
        }

        // Described is the same without the pages of RAM, which every reader knows.
        var described = new StateWriter();
        VmStateWriter.WriteStart(described, machine.Configuration.MachineType);
        VmStateWriter.WriteRamTable(described, table);
        VmStateWriter.WriteRamEnd(described);
        described.WriteBytes(rest.Written[devices..]);
        string text = VmStateDescription.Of(described.WrittenMemory, machine.Configuration.MachineType, table, sections, start.Configuration, start.Machine);
        VmStateWriter.WriteDescription(rest, text);
        return rest.Written.ToArray();
    }

    private void Write(StreamFile stream, ReadOnlySpan<byte> bytes)
    {
        stream.Write(bytes);
        Transferred = stream.Position;
    }

    private async Task<SafeFileHandle> ConnectAsync()
    {
        try
        {
            var inet = (InetAddress)address;
            var deadline = Deadline.In(parameters.CprConnectTimeout, inet.ToString(), "did not accept the connection");
            using var socket = await Connecting.ToInetAsync(machine.Loop, inet, deadline, _cancel.Token);
            return socket.Duplicate();
        }
        catch (Exception e) when (e is ObjectDisposedException && _cancel.IsCancellationRequested)
        {
            throw new HandoverException("the migration was cancelled", e);
        }
    }

    /// <summary>The guest stays as it was. First no whole stream is left: who reads the report finds none.</summary>
    private async Task FailedAsync(Exception failure, HandoverPause? pause)
    {
        var steps = new BestEffort(log, "the guest was not saved");
        var reason = failure as HandoverException ?? new HandoverException(failure.Message, failure);
        await steps.DoAsync("give the stream up", () => _stream is { } stream ? _work.RunAsync(stream.Dispose) : Task.CompletedTask);
        _isOver = true;
        if (pause is null)
        {
            steps.Do("report that the migration failed", () => progress.Stays(reason));
        }
        else
        {
            pause.Resume();
            pause.Report(() => progress.Stays(reason));
        }

        LogNotSaved(log, address, reason.Message);
    }

    private void Close()
    {
        _isOver = true;
        _stream?.Dispose();
        _cancel.Dispose();
    }

    /// <summary>What a description says of what comes before RAM.</summary>
    private sealed record DescribedStart(StateDescription Configuration, StateDescription Machine);

    [LoggerMessage(Level = LogLevel.Information, Message = "the guest was saved to {Address}: {Bytes} bytes")]
    private static partial void LogSaved(ILogger log, ChannelAddress address, ulong bytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the guest was not saved to {Address}: {Reason}")]
    private static partial void LogNotSaved(ILogger log, ChannelAddress address, string reason);
}
