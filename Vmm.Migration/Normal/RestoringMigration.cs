// A process's wait for a guest that comes in a stream. Its machine is built when the process starts, so that what is wrong with the command line is found then; it
// is built anew only where the stream says that the guest's board or guest ABI is another, or an earlier attempt has written to its RAM.
//
// A stream is hostile until its last byte was read: the machine that it fills runs nothing, and its sections take effect when all were checked. A stream that fails
// leaves nothing; the process ends, or waits for another one (-incoming defer).

using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Engines;
using Vmm.Migration.Handover;
using Vmm.Migration.Plans;
using Vmm.Migration.Settings;
using Vmm.Migration.Streams;

namespace Vmm.Migration.Normal;

/// <summary>A process's wait for a guest's stream. Machine loop only.</summary>
internal sealed partial class RestoringMigration : IIncomingMigration
{
    /// <summary>More than any machine's devices have; of that much the host is asked for memory.</summary>
    private const int MostDeviceBytes = 64 << 20;

    private readonly Machine _machine;
    private readonly Func<MigrationCapabilities> _capabilities;
    private readonly IIncomingProgress _progress;
    private readonly ILogger _log;
    private readonly bool _deferred;
    private readonly StreamWork _work = new();
    private Board? _board;
    private IncomingListener? _listener;
    private StreamFile? _stream;
    private bool _isOver;

    /// <summary>Builds the machine, and begins to listen or to read.</summary>
    /// <param name="machine">The machine that waits.</param>
    /// <param name="main">Where the stream comes from; null leaves it to <see cref="Listen"/> (-incoming defer).</param>
    /// <param name="capabilities">What is switched on, read when a stream begins.</param>
    /// <param name="progress">What is reported to.</param>
    /// <param name="log">Where outcomes are reported.</param>
    /// <exception cref="MachineException">The machine cannot be built.</exception>
    /// <exception cref="IOException">A back end, or the stream, cannot be opened.</exception>
    internal RestoringMigration(
        Machine machine, ChannelAddress? main, Func<MigrationCapabilities> capabilities, IIncomingProgress progress, ILogger log)
    {
        _machine = machine;
        _capabilities = capabilities;
        _progress = progress;
        _log = log;
        _deferred = main is null;
        _board = machine.Handover.BuildToRestore();
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
    public ChannelAddress? ListeningAddress => _listener?.Address;

    /// <inheritdoc/>
    public void Listen(ChannelAddress main, Func<string, SafeHandle?>? takeDescriptor = null)
    {
        if (_listener is not null || _stream is not null || _isOver)
        {
            throw new MigrationException("The incoming migration has already been started");
        }

        switch (main)
        {
            case FileAddress or ExecAddress:
                Begin(StreamFile.Open(main, isRead: true));
                break;
            case DescriptorAddress descriptor:
                Receive(descriptor, Take(descriptor, takeDescriptor));
                break;
            case UnixAddress or InetAddress:
                _listener = IncomingListener.Open(_machine.Loop, main, _log, OnConnection);
                _progress.Listening();
                break;
            default:
                throw new HandoverException($"'{main}' cannot be opened for a stream: expected file:, exec:, fd:, unix: or tcp:");
        }
    }

    /// <inheritdoc/>
    public void Cancel()
    {
        if (_deferred)
        {
            _stream?.Cancel();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isOver = true;
        _stream?.Cancel();
        bool hasEnded = _work.WaitEnded();
        _listener?.Dispose();
        _stream?.Dispose();
        if (hasEnded)
        {
            _board?.Dispose();
            _board = null;
        }
    }

    /// <summary>A descriptor is a stream itself, or a socket at which another process will connect.</summary>
    private void Receive(DescriptorAddress address, SafeFileHandle handle)
    {
        if (StreamSockets.WhyNotListening(handle, unixOnly: false) is not null)
        {
            Begin(StreamFile.Of(address, handle, isRead: true));
            return;
        }

        _listener = IncomingListener.On(_machine.Loop, address, handle, _log, OnConnection);
        _progress.Listening();
    }

    /// <summary>A descriptor of a client, by its name, or one that this process was started with, by its number; that one is used once.</summary>
    private static SafeFileHandle Take(DescriptorAddress address, Func<string, SafeHandle?>? takeDescriptor)
    {
        try
        {
            using var named = takeDescriptor?.Invoke(address.NameOrNumber);
            if (named is not null)
            {
                return Own(address, named);
            }

            using var inherited = Inherited(address);
            var own = Own(address, inherited);
            InheritedDescriptor.Close(int.Parse(address.NameOrNumber, CultureInfo.InvariantCulture));
            return own;
        }
        catch (PosixException e)
        {
            throw new HandoverException($"fd:{address.NameOrNumber}: {e.Message}", e);
        }
    }

    private static SafeFileHandle Own(DescriptorAddress address, SafeHandle handle)
    {
        if (!FileDescriptor.IsReadable(handle))
        {
            throw new HandoverException($"fd:{address.NameOrNumber}: a descriptor that is open for reading was expected");
        }

        var own = FileDescriptor.Duplicate(handle);
        FileDescriptor.MakePrivate(own);
        return own;
    }

    private static SafeFileHandle Inherited(DescriptorAddress address) =>
        int.TryParse(address.NameOrNumber, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && InheritedDescriptor.IsInherited(number)
            ? new SafeFileHandle(number, ownsHandle: false)
            : throw new HandoverException($"fd:{address.NameOrNumber}: the name of a descriptor that was sent by getfd, or the number of one that this process was started with, was expected");

    private void OnConnection(SafeFileHandle connection)
    {
        if (_stream is not null || _isOver)
        {
            connection.Dispose();
            return;
        }

        Begin(StreamFile.Of(_listener!.Address, connection, isRead: true), isListening: true);
    }

    private void Begin(StreamFile stream, bool isListening = false)
    {
        _stream = stream;
        if (isListening)
        {
            _progress.AttemptBegan(isListening: true);
        }
        else
        {
            _progress.Listening();
        }

        _ = RunAsync(stream);
    }

    private async Task RunAsync(StreamFile stream)
    {
        await Task.Yield();
        try
        {
            var board = await LoadAsync(stream);
            _board = null;
            Arrived(board);
        }
        catch (Exception e) when (_listener is not null && stream.Position == 0)
        {
            // A client that said nothing, as one that looks whether a port is open: another one may come.
            var steps = new BestEffort(_log, "a client sent no stream");
            await GiveUpAsync(steps, stream);
            LogStray(_log, e.Message);
        }
        catch (Exception e)
        {
            await FailedAsync(e, stream);
        }
    }

    private async Task<Board> LoadAsync(StreamFile stream)
    {
        var input = new StreamInput(stream.Read);
        var own = new StreamConfiguration(_machine.Configuration.MachineType) { LeavesShared = _capabilities().IgnoreShared, Uuid = _machine.Configuration.Uuid };
        var record = await _work.RunAsync(() =>
        {
            VmStateReader.ReadStart(input, own);
            return MachineRecord.Read(input);
        });
        _progress.Receiving();
        RequireSame(record);
        var board = BoardOf(record);
        StateSection[] sections = [.. board.Sections.Where(section => !section.IsBackEnd)];
        await _work.RunAsync(() =>
        {
            new RamReader(input, board.Ram, RamProgress.Of(board.Ram), own.LeavesShared).Read();
            ReadSections(input, sections, record.HasSavedForms);
            stream.Finish(isRead: true);
        });
        if (_isOver)
        {
            throw new HandoverException("the process ends");
        }

        await board.ApplyStateAsync(fromElsewhere: true);
        return board;
    }

    /// <summary>What follows RAM is kept until all of it was checked; nothing of it takes effect before.</summary>
    private static void ReadSections(StreamInput input, IReadOnlyList<StateSection> own, bool haveSavedForms)
    {
        ulong position = input.Position;
        var saved = haveSavedForms ? new SavedSections(own) : null;
        var reader = new StateReader(new StreamTail(input, MostDeviceBytes).Take);
        try
        {
            VmStateReader.ReadSections(reader, saved?.All ?? own);
            VmStateReader.SkipDescription(reader);
            saved?.Restore();
        }
        catch (StateException e)
        {
            throw StreamInput.DamagedAt(position + (ulong)reader.Position, e.Message, e);
        }
    }

    /// <summary>A guest keeps what it can notice. The addresses of its network cards come with it, whatever the command line says.</summary>
    private void RequireSame(MachineRecord record)
    {
        var own = GuestVisibleProperties.OfSaved(_machine.Configuration).ToList();
        var differences = PlanComparison.Differences(record.Properties.Where(IsCompared), own.Where(IsCompared));
        if (differences.Count > 0)
        {
            throw new HandoverException($"the saved guest cannot run on this machine: {string.Join("; ", differences)}");
        }

        foreach (var kept in record.Properties.Where(GuestVisibleProperties.IsKept))
        {
            if (own.Find(property => property.Subject == kept.Subject && property.Property == kept.Property) is { } configured && configured.Value != kept.Value)
            {
                LogKept(_log, PeerText.Of(kept.Subject), kept.Property, PeerText.Of(kept.Value), configured.Value);
            }
        }

        static bool IsCompared(PropertyValue property) => !GuestVisibleProperties.IsKept(property);
    }

    private Board BoardOf(MachineRecord record)
    {
        if (_board is { } board && board.Revision == record.Revision && board.Vm.GuestAbi.Span.SequenceEqual(record.GuestAbi.Span))
        {
            return board;
        }

        // What the first one has open, the second one opens.
        _board?.Dispose();
        _board = null;
        return _board = _machine.Handover.BuildToRestore((int)Math.Min(record.Revision, int.MaxValue), record.GuestAbi);
    }

    /// <summary>The guest is here. Does not throw.</summary>
    private void Arrived(Board board)
    {
        _isOver = true;
        var steps = new BestEffort(_log, "the guest was restored");
        _machine.Handover.OwnRestored(board, steps);
        steps.Do("close the stream", EndListening);
        _progress.Arrived(null, steps);
        steps.Do("log that", () => LogRestored(_log));
    }

    /// <summary>RAM may be written to in part: another attempt gets another machine, at once, for it has the disks and the sockets.</summary>
    private async Task FailedAsync(Exception failure, StreamFile stream)
    {
        var steps = new BestEffort(_log, "the guest was not restored");
        await GiveUpAsync(steps, stream);
        if (_isOver)
        {
            return;
        }

        steps.Do("close the socket that it waited at", EndListening);
        steps.Do("drop the machine", () => _board?.Dispose());
        _board = null;
        LogNotRestored(_log, failure.Message);
        if (_deferred)
        {
            steps.Do("build the machine anew", () => _board = _machine.Handover.BuildToRestore());
        }

        steps.Do("report that the migration failed", () => _progress.NotTaken(failure));
        if (!_deferred)
        {
            _isOver = true;
            _progress.GaveUp(failure.Message);
        }
    }

    private async Task GiveUpAsync(BestEffort steps, StreamFile stream)
    {
        await steps.DoAsync("close the stream", () => _work.RunAsync(stream.Dispose));
        _stream = null;
    }

    private void EndListening()
    {
        _listener?.Dispose();
        _listener = null;
        _stream?.Dispose();
        _stream = null;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "a client that connected for a restore sent nothing: {Reason}")]
    private static partial void LogStray(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "the guest was restored")]
    private static partial void LogRestored(ILogger log);

    [LoggerMessage(Level = LogLevel.Error, Message = "the guest was not restored: {Reason}")]
    private static partial void LogNotRestored(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Subject}: the restored guest keeps its {Property} {Saved}; this machine is configured with {Configured}")]
    private static partial void LogKept(ILogger log, string subject, string property, string saved, string configured);
}
