// What all virtio devices have in common: the negotiation with the driver, and the life cycle of the queues.
//
//     status 0 --> ACKNOWLEDGE, DRIVER --> features --> FEATURES_OK --> queues --> DRIVER_OK: live --> (NEEDS_RESET) --> status 0
//
// A queue is served while the device is live, the queue is set up, and the device is not quiesced. Quiesce, reset by the driver, reset of the
// machine and removal are one path: stop the queues, and wait until what was taken from them is done; then their state is all that there is.
// What takes time, as a disk's requests do, is in flight meanwhile (RequestsBegun, RequestsEnded): the machine loop waits for it without
// blocking (DrainAsync), the vCPU that resets the device waits in its access, for its driver may use the memory again at once. A device here knows no transport: that
// maps registers to these members, one call at a time, and says where interrupt and doorbells are. The thread that serves
// queues takes no lock of the transport's, which waits for that thread when it stops a queue.
// Source: virtio 1.2, sections 2 and 3.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Buses;
using Vmm.Core.Devices.Model;
using Vmm.Core.Loop;
using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio;

/// <summary>A virtio device. The transport calls it from one thread at a time.</summary>
public abstract class VirtioDevice : IDisposable
{
    private readonly VirtioState _state;
    private readonly ushort[] _sizes;
    private readonly ServedQueues _queues;
    private readonly RequestsInFlight _inFlight = new();
    private bool _isQuiesced = true;
    private bool _areServed;
    private bool _isResetting;
    private long _timesBroken;

    /// <summary>Creates a device without a driver; its queues are not served before <see cref="Resume"/>.</summary>
    /// <param name="context">What it is given by its machine.</param>
    /// <param name="state">The common part of its record.</param>
    /// <param name="sizes">The largest size of each queue.</param>
    protected VirtioDevice(IDeviceContext context, VirtioState state, params ReadOnlySpan<ushort> sizes)
        : this(context, (context ?? throw new ArgumentNullException(nameof(context))).IoThread, state, sizes)
    {
    }

    /// <summary>Creates a device without a driver, whose queues a thread of its own serves.</summary>
    /// <param name="context">What it is given by its machine.</param>
    /// <param name="thread">The thread.</param>
    /// <param name="state">The common part of its record.</param>
    /// <param name="sizes">The largest size of each queue.</param>
    protected VirtioDevice(IDeviceContext context, IIoThread thread, VirtioState state, params ReadOnlySpan<ushort> sizes)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(state);
        _state = state;
        _sizes = [.. sizes];
        Interrupt = new VirtioInterrupt(state);
        Memory = context.Memory;
        _queues = new ServedQueues(state, _sizes, Memory, thread, Serve);
    }

    /// <summary>The number of this kind of device in the specification.</summary>
    public abstract uint DeviceId { get; }

    /// <summary>What it is called in a section of state, as QEMU calls it: virtio-rng.</summary>
    public abstract string SectionName { get; }

    /// <summary>The layout of its whole state, the common part included.</summary>
    public abstract StateLayout Layout { get; }

    /// <summary>The features that it offers.</summary>
    public virtual ulong Features => VirtioFeatures.Common;

    /// <summary>How often a driver has made it need a reset.</summary>
    public long TimesBroken => Interlocked.Read(ref _timesBroken);

    /// <summary>How many descriptors were read for it so far.</summary>
    public long DescriptorsRead => _queues.DescriptorsRead;

    internal VirtioInterrupt Interrupt { get; }

    internal uint Status => Volatile.Read(ref _state.Status);

    internal VirtioState Registers => _state;

    /// <summary>The queue that the queue registers mean; null if there is none.</summary>
    internal VirtQueue? SelectedQueue => _queues.Find(_state.QueueSelect)?.Queue;

    /// <summary>Guest RAM.</summary>
    protected IGuestMemory Memory { get; }

    /// <summary>Reads configuration space; what the device does not have reads as zeros.</summary>
    /// <param name="offset">From its start.</param>
    /// <param name="data">1, 2, 4 or 8 bytes, filled by the device.</param>
    public virtual void ReadConfiguration(uint offset, Span<byte> data) => data.Clear();

    /// <summary>Writes configuration space.</summary>
    /// <param name="offset">From its start.</param>
    /// <param name="data">1, 2, 4 or 8 bytes.</param>
    public virtual void WriteConfiguration(uint offset, ReadOnlySpan<byte> data)
    {
    }

    /// <summary>Writes the whole record.</summary>
    public abstract void Save(StateWriter writer);

    /// <summary>The form that the state has in a saved file; null where it is the device's own.</summary>
    /// <param name="transport">What saves and loads the device.</param>
    /// <param name="section">The name of its section.</param>
    /// <param name="instance">The section's instance.</param>
    internal virtual SavedForm? CreateSavedForm(IStateful transport, string section, int instance) => null;

    /// <summary>Reads and checks the whole record. A refused one leaves the device without a driver.</summary>
    /// <exception cref="StateException">The bytes are no state of this device.</exception>
    public void Load(StateReader reader)
    {
        StopQueues();
        try
        {
            LoadRecord(reader);
            _state.Check(Features, _sizes);
            foreach (var queue in _queues.All)
            {
                queue.Queue.Close(HeldOf(queue.Queue.Index));
            }
        }
        catch (StateException)
        {
            _state.InterruptStatus = 0;
            _state.Clear();
            ForgetDriver();
            throw;
        }
    }

    /// <summary>When this returns, no queue is served until <see cref="Resume"/>; what was taken from them may be in flight (<see cref="DrainAsync"/>).</summary>
    public void Quiesce()
    {
        _isQuiesced = true;
        StopQueues();
    }

    /// <summary>Serves the queues of a live device, each once at once, and raises an interrupt that is pending.</summary>
    public void Resume()
    {
        _isQuiesced = false;
        ServeQueues();
        Interrupt.RaiseAgain();
    }

    /// <summary>Completes when nothing is in flight that was taken before the queues were stopped. Any thread.</summary>
    public Task DrainAsync() => _inFlight.DrainAsync();

    /// <summary>The guest is about to run after it was stopped.</summary>
    public virtual void GuestContinues()
    {
    }

    /// <summary>Without a driver again. Nothing is in flight.</summary>
    public void Reset()
    {
        BeginReset();
        EndReset();
    }

    /// <summary>Stops everything, for good: what is in flight belongs to a driver that has gone.</summary>
    internal void BeginReset()
    {
        _isResetting = true;
        StopQueues();
    }

    /// <summary>Forgets the driver. Nothing is in flight any more.</summary>
    internal void EndReset()
    {
        _isResetting = false;
        foreach (var queue in _queues.All)
        {
            queue.TryEnd();
            queue.Queue.Close();
        }

        _state.Clear();
        ForgetDriver();
        Interrupt.Acknowledge(VirtioInterrupt.All);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>The driver sets bits; resetting is <see cref="BeginReset"/>. FEATURES_OK stays off if the features are not acceptable.</summary>
    internal void WriteStatus(uint status)
    {
        status &= DeviceStatus.OfDriver;
        if (!VirtioState.IsAcceptable(_state.DriverFeatures, Features))
        {
            status &= ~DeviceStatus.FeaturesOk;
        }

        if (((Status | status) & DeviceStatus.FeaturesOk) == 0)
        {
            status &= ~DeviceStatus.DriverOk;
        }

        Interlocked.Or(ref _state.Status, status);
        if (_state.IsLive)
        {
            ServeQueues();
        }
        else
        {
            StopQueues();
        }
    }

    /// <summary>The driver accepts 32 of the features, before FEATURES_OK.</summary>
    internal void WriteDriverFeatures(uint features)
    {
        int shift = _state.DriverFeaturesSelect == 0 ? 0 : 32;
        if (_state.DriverFeaturesSelect <= 1 && (Status & DeviceStatus.FeaturesOk) == 0)
        {
            _state.DriverFeatures = (_state.DriverFeatures & ~(0xffff_fffful << shift)) | ((ulong)features << shift);
        }
    }

    /// <summary>The driver has set the selected queue up.</summary>
    internal void BeginQueue()
    {
        if (SelectedQueue is { State: { Ready: false, Size: > 0 } state } queue)
        {
            (state.NextAvailable, state.NextUsed) = (0, 0);
            queue.Close();
            state.Ready = true;
            ServeQueues();
        }
    }

    /// <summary>
    /// The driver takes the selected queue back: nothing more is taken from it. The others rest until <see cref="EndQueues"/>, so that what is in flight of
    /// all of them ends without a wait for more.
    /// </summary>
    internal void BeginQueueEnd()
    {
        if (SelectedQueue is { State.Ready: true } queue)
        {
            _queues[queue.Index].StopForGood();
            StopQueues();
        }
    }

    /// <summary>The queues that the driver takes back are its own again; the others are served. Nothing of the device is in flight any more.</summary>
    internal void EndQueues()
    {
        foreach (var queue in _queues.All)
        {
            if (queue.TryEnd())
            {
                QueueTakenBack(queue.Queue);
            }
        }

        ServeQueues();
    }

    /// <summary>The driver notifies a queue. Any thread.</summary>
    internal void Kick(uint queue) => _queues.Find(queue)?.Kick();

    /// <summary>Says where interrupt and doorbells are; once, by the transport.</summary>
    /// <param name="line">The interrupt's wire.</param>
    /// <param name="bind">Has the doorbell of a queue signal an eventfd.</param>
    internal void Connect(IInterruptLine line, Func<int, SafeFileHandle, IDisposable> bind)
    {
        Interrupt.Connect(line);
        foreach (var queue in _queues.All)
        {
            queue.Connect(kick => bind(queue.Queue.Index, kick));
        }
    }

    /// <summary>Serves a queue: on its thread, for a bounded time, allocating nothing.</summary>
    protected abstract void Process(VirtQueue queue);

    /// <summary>Reads the whole record and checks the device's own part.</summary>
    /// <exception cref="StateException">The bytes are no state of this device.</exception>
    protected abstract void LoadRecord(StateReader reader);

    /// <summary>How many chains of a queue the loaded state holds: taken, not given back, and not being served.</summary>
    protected virtual ushort HeldOf(int queue) => 0;

    /// <summary>No queue is served any more: what would have one served again, such as a timer, stops too.</summary>
    protected virtual void QueuesStopped()
    {
    }

    /// <summary>There is no driver any more: what the device's own part of the record knows of it is forgotten. No queue is served.</summary>
    protected virtual void ForgetDriver()
    {
    }

    /// <summary>The driver has taken a queue back, which is not served any more: what is known of its chains is forgotten.</summary>
    protected virtual void QueueTakenBack(VirtQueue queue)
    {
    }

    /// <summary>So many chains were taken that are given back when they are done; called in the turn in which they were taken.</summary>
    protected void RequestsBegun(int count) => _inFlight.Begin(count);

    /// <summary>So many of them were given back, and published; or are held.</summary>
    protected void RequestsEnded(int count) => _inFlight.End(count);

    /// <summary>The configuration space has changed: the driver is interrupted and reads it anew. Any thread.</summary>
    protected void ConfigurationChanged()
    {
        Interlocked.Increment(ref _state.ConfigGeneration);
        if ((Status & DeviceStatus.DriverOk) != 0)
        {
            Interrupt.Raise(VirtioInterrupt.Configuration);
        }
    }

    /// <summary>Stops everything and closes what the device has opened.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            StopQueues();
            _queues.Dispose();
        }
    }

    /// <summary>Lets the driver see what was pushed, and interrupts it if it wants that.</summary>
    protected void Publish(VirtQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        if (queue.Publish())
        {
            Interrupt.Raise(VirtioInterrupt.UsedBuffer);
        }
    }

    /// <summary>A queue of the device.</summary>
    protected VirtQueue QueueAt(int index) => _queues[index].Queue;

    /// <summary>Has a queue served once more, after others had their turn.</summary>
    protected void ProcessAgain(VirtQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _queues[queue.Index].Kick();
    }

    /// <summary>The driver has broken a rule: nothing is served until it resets the device, and a configuration interrupt says so.</summary>
    protected void RequireReset()
    {
        if ((Interlocked.Or(ref _state.Status, DeviceStatus.NeedsReset) & DeviceStatus.NeedsReset) == 0)
        {
            Interlocked.Increment(ref _timesBroken);
            Interrupt.Raise(VirtioInterrupt.Configuration);
        }
    }

    private void Serve(ServedQueue queue)
    {
        if (_state.IsLive)
        {
            Process(queue.Queue);
        }
    }

    private void ServeQueues()
    {
        if (_isQuiesced || _isResetting || _queues.IsOneEnding || !_state.IsLive)
        {
            return;
        }

        _areServed = true;
        if (!_queues.TryStart(_state.DriverFeatures))
        {
            RequireReset();
            StopQueues();
        }
    }

    private void StopQueues()
    {
        _queues.Stop();

        if (_areServed)
        {
            _areServed = false;
            QueuesStopped();
        }
    }
}
