// The block device: the driver gives chains that begin with a header (what, where) and end with a status byte; between them is the data.
//
// Requests are served in the order in which the host is done with them. Each is parsed into one of a fixed number of request objects and handed
// to the disk; when the disk has answered, its status is written, its chain goes back, and the driver is notified once for all that came back
// in a round. So there are requests in flight when the queues are stopped: the device is drained only when the last has come back.
//
// A request that fails may stop the guest instead (werror, rerror): then its chain is held, neither given back nor served, until the guest
// continues, and it crosses a live update as a pair of numbers. Nothing of a chain is trusted, and no layout of it expected: header, data and
// status may be cut into segments in any way. Source: virtio 1.2, section 5.2.

using Vmm.Core.Backends.Block;
using Vmm.Core.Devices.Model;
using Vmm.Core.Loop;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Block.BlockRegisters;

namespace Vmm.Core.Devices.Virtio.Block;

/// <summary>A virtio block device.</summary>
public sealed class BlockDevice : VirtioDevice
{
    private readonly BlockState _state;
    private readonly BlockDisk _disk;
    private readonly BlockDeviceOptions _options;
    private readonly IDeviceErrors _errors;
    private readonly BlockQueue _requests;
    private readonly RequestPool _pool;
    private readonly DescriptorChain _chain;
    private readonly VirtQueue?[] _toPublish;
    private bool _retries;
    private int _begun;
    private int _ended;

    /// <summary>Creates the device.</summary>
    /// <param name="context">What it is given by its machine.</param>
    /// <param name="thread">The thread that serves its queues.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="options">Its properties.</param>
    /// <exception cref="BlockException">The host refuses what its requests take.</exception>
    internal BlockDevice(IDeviceContext context, IIoThread thread, BlockDisk disk, BlockDeviceOptions options)
        : this(context, thread, disk, options, new BlockState(options.Queues) { WriteCache = options.WriteCache })
    {
    }

    private BlockDevice(IDeviceContext context, IIoThread thread, BlockDisk disk, BlockDeviceOptions options, BlockState state)
        : base(context, thread, state.Virtio, options.QueueSizes)
    {
        (_state, _disk, _options, _errors) = (state, disk, options, context.Errors);
        _chain = new DescriptorChain(options.QueueSize);
        _toPublish = new VirtQueue?[options.Queues];
        _pool = new RequestPool(options.Queues * options.QueueSize, options.QueueSize, Completed);
        try
        {
            _requests = disk.Connect(thread, options.Queues * options.QueueSize);
        }
        catch
        {
            base.Dispose(disposing: true);
            throw;
        }

        _requests.RoundCompleted = RoundCompleted;
        disk.Resized += OnResized;
    }

    /// <inheritdoc/>
    public override uint DeviceId => 2;

    /// <inheritdoc/>
    public override string SectionName => "virtio-blk";

    /// <inheritdoc/>
    public override StateLayout Layout => BlockState.Layout;

    /// <inheritdoc/>
    public override ulong Features => base.Features | _options.Features(_disk);

    /// <summary>Whether a write is complete only when the medium has it: the driver knows no flush, or has switched the cache off.</summary>
    private bool WritesThrough => (Registers.DriverFeatures & ConfigWriteCacheFeature) != 0 ? !_state.WriteCache : (Registers.DriverFeatures & FlushFeature) == 0;

    /// <inheritdoc/>
    public override void ReadConfiguration(uint offset, Span<byte> data)
    {
        Span<byte> configuration = stackalloc byte[ConfigurationLength];
        _options.WriteConfiguration(configuration, _disk, _state.WriteCache);
        for (int i = 0; i < data.Length; i++)
        {
            data[i] = offset + (uint)i < ConfigurationLength ? configuration[(int)offset + i] : (byte)0;
        }
    }

    /// <summary>The driver switches the write cache; nothing else can be written.</summary>
    public override void WriteConfiguration(uint offset, ReadOnlySpan<byte> data)
    {
        if (offset <= WriteCacheOffset && WriteCacheOffset < offset + data.Length && (Registers.DriverFeatures & ConfigWriteCacheFeature) != 0)
        {
            _state.WriteCache = data[(int)(WriteCacheOffset - offset)] != 0;
        }
    }

    /// <inheritdoc/>
    public override void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(BlockState.Layout, _state);
    }

    /// <inheritdoc/>
    internal override SavedForm CreateSavedForm(IStateful transport, string section, int instance) => new BlockForm(this, transport, section, instance, _options);

    /// <summary>Has the held requests made again.</summary>
    public override void GuestContinues()
    {
        if (Volatile.Read(ref _state.HeldCount) == 0)
        {
            return;
        }

        Volatile.Write(ref _retries, true);
        for (uint queue = 0; queue < _options.Queues; queue++)
        {
            Kick(queue);
        }
    }

    /// <inheritdoc/>
    protected override void LoadRecord(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        reader.Read(BlockState.Layout, _state);
        foreach (var held in _state.Held.AsSpan(0, (int)_state.HeldCount))
        {
            if (held.Queue >= _options.Queues || held.Head >= _options.QueueSize)
            {
                throw new StateException(
                    $"virtio-blk held request: a queue below {_options.Queues} and a head below {_options.QueueSize} expected, {held.Queue} and {held.Head} found");
            }
        }

        if (_state.HeldCount > _options.Queues * _options.QueueSize)
        {
            throw new StateException($"virtio-blk held_count: at most {_options.Queues * _options.QueueSize} expected, {_state.HeldCount} found");
        }
    }

    /// <inheritdoc/>
    protected override ushort HeldOf(int queue)
    {
        ushort count = 0;
        foreach (var held in _state.Held.AsSpan(0, (int)_state.HeldCount))
        {
            count += held.Queue == queue ? (ushort)1 : (ushort)0;
        }

        return count;
    }

    /// <inheritdoc/>
    protected override void ForgetDriver()
    {
        _state.HeldCount = 0;
        _state.WriteCache = _options.WriteCache;
    }

    /// <summary>Held requests of that queue are the driver's again.</summary>
    protected override void QueueTakenBack(VirtQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _state.Held = [.. _state.Held.Take((int)_state.HeldCount).Where(held => held.Queue != queue.Index)];
        _state.HeldCount = (uint)_state.Held.Length;
    }

    /// <summary>What its throttle groups hold back goes at once: the queues are being drained.</summary>
    protected override void QueuesStopped() => _requests.BeginDraining();

    /// <inheritdoc/>
    protected override void Process(VirtQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _requests.BeginTurn();
        if (Volatile.Read(ref _retries))
        {
            Volatile.Write(ref _retries, false);
            ServeHeld();
        }

        queue.SuppressKicks();
        bool again = TakeSome(queue);
        RoundCompleted();
        if (again || queue.RequestKicks())
        {
            ProcessAgain(queue);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
        {
            _disk.Resized -= OnResized;
            _requests.Dispose();
        }
    }

    /// <summary>Begins as many requests as one turn may.</summary>
    /// <returns>Whether there may be more at once.</returns>
    private bool TakeSome(VirtQueue queue)
    {
        for (int turn = 0; turn < queue.Maximum; turn++)
        {
            var taken = queue.Take(_chain);
            if (taken == ChainOutcome.None)
            {
                return false;
            }

            if (taken == ChainOutcome.Broken || !TryBegin(queue))
            {
                RequireReset();
                return false;
            }
        }

        return true;
    }

    /// <summary>Begins the request whose chain was taken last.</summary>
    /// <returns>False if it is none.</returns>
    private bool TryBegin(VirtQueue queue)
    {
        var request = _pool.Take();
        if (!request.TryParse(queue, _chain, Memory))
        {
            _pool.Return(request);
            return false;
        }

        _begun++;
        Begin(request);
        return true;
    }

    private void Begin(QueuedRequest request)
    {
        switch (request.Type)
        {
            case In or Out when !IsInRange(request.Sector, request.DataLength):
            case Out when _disk.IsReadOnly:
                Refuse(request, request.Type == In ? BlockTraffic.Read : BlockTraffic.Write);
                break;
            case In:
                request.Submit(_requests, IoOperation.Read, isDurable: false);
                break;
            case Out:
                request.Submit(_requests, IoOperation.Write, WritesThrough);
                break;
            case Flush:
                request.SubmitFlush(_requests);
                break;
            case GetId:
                Finish(request, request.TryAnswer(_chain, _options.SerialBytes) ? Ok : IoError);
                break;
            case Discard or WriteZeroes when !request.HasRange || (request.RangeFlags & ~(request.Type == WriteZeroes ? Unmap : 0)) != 0:
                Finish(request, Unsupported);
                break;
            case Discard or WriteZeroes when _disk.IsReadOnly || request.RangeSectors > BlockDeviceOptions.MostSectors
                || !IsInRange(request.RangeSector, (ulong)request.RangeSectors * Sector):
                Refuse(request, request.Type == Discard ? BlockTraffic.Unmap : BlockTraffic.Write);
                break;
            case Discard or WriteZeroes:
                request.SubmitRange(_requests, WritesThrough);
                break;
            default:
                Finish(request, Unsupported);
                break;
        }
    }

    private bool IsInRange(ulong sector, ulong length)
    {
        // A power of two, so that a mask does what would take two divisions for each request.
        ulong block = _options.LogicalBlockSize;
        ulong sectors = (ulong)_disk.Length / Sector;
        return sector <= sectors && length <= (sectors - sector) * Sector && ((length | (sector * Sector)) & (block - 1)) == 0;
    }

    private void Refuse(QueuedRequest request, BlockTraffic traffic)
    {
        _disk.Statistics.Refused(traffic);
        Finish(request, IoError);
    }

    /// <summary>The disk has answered.</summary>
    private void Completed(QueuedRequest request, int result)
    {
        if (result < 0)
        {
            bool isRead = request.Type == In;
            var action = isRead ? _options.ReadError : _options.WriteError;
            if (_errors.Report(_disk, isRead, -result, action))
            {
                Hold(request);
                return;
            }

            result = action == BlockErrorAction.Ignore ? 0 : result;
        }

        Finish(request, result < 0 ? IoError : Ok);
    }

    private void Finish(QueuedRequest request, byte status)
    {
        var queue = request.Queue;
        if (request.TryWriteStatus(status))
        {
            queue.Push(request.Head, request.Written);
        }
        else
        {
            // The page was there when the queue took the request, or could be: the driver has lost it.
            RequireReset();
        }

        _toPublish[queue.Index] = queue;
        _ended++;
        _pool.Return(request);
    }

    private void Hold(QueuedRequest request)
    {
        if (_state.HeldCount == _state.Held.Length)
        {
            // Not a request's usual way: room for those to come as well.
            Array.Resize(ref _state.Held, Math.Max(16, _state.Held.Length * 2));
            for (int i = (int)_state.HeldCount; i < _state.Held.Length; i++)
            {
                _state.Held[i] ??= new HeldRequest();
            }
        }

        var held = _state.Held[_state.HeldCount++];
        (held.Queue, held.Head) = ((ushort)request.Queue.Index, request.Head);
        _ended++;
        _pool.Return(request);
    }

    /// <summary>The guest runs again: the requests for which it was stopped are made again. One that fails again is held again.</summary>
    private void ServeHeld()
    {
        uint count = _state.HeldCount;
        var held = _state.Held[..(int)count];
        _state.Held = [];
        _state.HeldCount = 0;
        foreach (var one in held)
        {
            var queue = QueueAt(one.Queue);
            if (!queue.TryReadAgain(one.Head, _chain) || !TryBegin(queue))
            {
                RequireReset();
                return;
            }
        }
    }

    /// <summary>What came back together is published together.</summary>
    private void RoundCompleted()
    {
        for (int i = 0; i < _toPublish.Length; i++)
        {
            if (_toPublish[i] is { } queue)
            {
                Publish(queue);
            }
        }

        Count();
    }

    /// <summary>Counts, once for all of them, the requests that this turn has begun, and those that have come back: they are published, and in flight no more.</summary>
    private void Count()
    {
        Array.Clear(_toPublish);
        var (begun, ended) = (_begun, _ended);
        (_begun, _ended) = (0, 0);
        if (begun > 0)
        {
            RequestsBegun(begun);
        }

        if (ended > 0)
        {
            RequestsEnded(ended);
        }
    }

    private void OnResized() => ConfigurationChanged();
}
