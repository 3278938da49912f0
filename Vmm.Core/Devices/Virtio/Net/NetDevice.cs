// The network device: pairs of queues, one to the driver and one from it, and the queue by which the driver says what it wants.
//
//     queue 2i      to the driver     ReceiveQueue  <--  queue i of the back end
//     queue 2i + 1  from the driver   SendQueue     -->
//     the last      commands          ControlQueue      (queue 2 for a driver that does not know several pairs)
//
// One thread serves them all: the driver's notifications and the host's frames have their queue called, which moves what there is. A frame that the driver
// has no buffer for stays with the host, one that the host has no room for with the driver; so an update leaves every frame where it is, and
// only one that was read already and does not fit crosses as state. The back end is informed of what the driver decides when the queues begin to be served, unless
// it was informed before, in this process or in an earlier one. Nothing is announced after an update: a tap that crosses stays where it is in its network.
// Source: virtio 1.2, section 5.1.

using Vmm.Core.Backends.Net;
using Vmm.Core.Devices.Model;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>A virtio network device.</summary>
public sealed class NetDevice : VirtioDevice, INetworkCard
{
    private readonly NetState _state;
    private readonly NetBackEnd _network;
    private readonly NetDeviceOptions _options;
    private readonly RxFilter _filter;
    private readonly ReceiveQueue[] _receive;
    private readonly SendQueue[] _send;
    private readonly AwaitedAnswer[] _answers;
    private readonly ControlQueue _control;
    private readonly HostDecisions _host;
    private readonly Lock _linkGate = new();
    private bool _isHostStarted;

    /// <summary>Creates the device.</summary>
    /// <param name="context">What it is given by its machine.</param>
    /// <param name="network">The host's end of its cable, open or adopted.</param>
    /// <param name="options">Its properties.</param>
    internal NetDevice(IDeviceContext context, NetBackEnd network, NetDeviceOptions options)
        : this(context, network, options, new NetState(options.Pairs))
    {
    }

    private NetDevice(IDeviceContext context, NetBackEnd network, NetDeviceOptions options, NetState state)
        : base(context, state.Virtio, options.QueueSizes)
    {
        (_state, _network, _options) = (state, network, options);
        _filter = new RxFilter(state.Filter);
        _filter.Clear(options.Mac);
        bool hasHeaders = network.HasHeaders;
        _control = new ControlQueue(this, _filter, options.LongestChain);
        _host = new HostDecisions(network, state);
        _answers = [.. Pairs.Select(static _ => new AwaitedAnswer())];
        _receive = [.. Pairs.Select(pair => new ReceiveQueue(
            network.QueueAt(pair), hasHeaders, _filter, state.Counters[pair], options.LongestChain, queue => PublishPair(queue, _answers[pair])))];
        _send = [.. Pairs.Select(pair => new SendQueue(network.QueueAt(pair), hasHeaders, Memory, state.Counters[pair], options.LongestChain))];
        try
        {
            foreach (int pair in Pairs)
            {
                uint queue = 2 * (uint)pair;
                network.QueueAt(pair).Connect(context.IoThread, () => Kick(queue), () => Kick(queue + 1));
            }
        }
        catch
        {
            base.Dispose(disposing: true);
            throw;
        }

        network.ConnectionChanged = UpdateLink;
        UpdateLink();
    }

    /// <inheritdoc/>
    public override uint DeviceId => 1;

    /// <inheritdoc/>
    public override string SectionName => "virtio-net";

    /// <inheritdoc/>
    public override StateLayout Layout => NetState.Layout;

    /// <inheritdoc/>
    public override ulong Features => base.Features | _options.Features(_network.HasHeaders);

    /// <inheritdoc/>
    public string MacAddress => _filter.MacAddress;

    /// <inheritdoc/>
    public bool IsLinkEnabled => !Volatile.Read(ref _state.IsLinkDisabled);

    /// <inheritdoc/>
    public ReceiveFilter ReceiveFilter => _filter.Describe(HasFeature(ControlVlanFeature));

    /// <inheritdoc/>
    public Action? ReceiveFilterChanged { get; set; }

    /// <inheritdoc/>
    public NetworkCounters Counters
    {
        get
        {
            NetworkCounters sum = default;
            foreach (int pair in Pairs)
            {
                var one = _state.Counters[pair];
                sum = new(
                    sum.ReceivedFrames + one.ReceivedFrames,
                    sum.ReceivedBytes + one.ReceivedBytes,
                    sum.ReceiveDropped + one.ReceiveDropped,
                    sum.SentFrames + one.SentFrames,
                    sum.SentBytes + one.SentBytes,
                    sum.SendDropped + one.SendDropped);
            }

            return sum;
        }
    }

    /// <summary>How often the back end was informed of something on behalf of the driver. The thread that serves the queues.</summary>
    internal long TimesHostInformed => _host.TimesInformed;

    private IEnumerable<int> Pairs => Enumerable.Range(0, _options.Pairs);

    private bool IsLinkUp => (Volatile.Read(ref _state.Status) & LinkUp) != 0;

    /// <summary>Which of the guest's offloads are in force.</summary>
    private ulong Offloads => Registers.DriverFeatures & GuestOffloads & ~_state.DisabledOffloads;

    /// <summary>The queue of commands: behind all pairs that the driver knows of.</summary>
    private int ControlIndex => HasFeature(MultiQueueFeature) ? 2 * _options.Pairs : 2;

    /// <inheritdoc/>
    public override void ReadConfiguration(uint offset, Span<byte> data)
    {
        Span<byte> space = stackalloc byte[ConfigurationLength];
        _filter.CopyMac(space[..MacLength]);
        _options.WriteConfiguration(space, (ushort)Volatile.Read(ref _state.Status));
        data.Clear();
        if (offset < ConfigurationLength)
        {
            var found = space[(int)offset..];
            found[..Math.Min(found.Length, data.Length)].CopyTo(data);
        }
    }

    /// <inheritdoc/>
    public void SetLink(bool enabled)
    {
        Volatile.Write(ref _state.IsLinkDisabled, !enabled);
        UpdateLink();
    }

    /// <inheritdoc/>
    public override void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        _state.Held = [];
        foreach (int pair in Pairs.Where(pair => !_receive[pair].Held.IsEmpty))
        {
            var held = new HeldFrame { Pair = (ushort)pair, Length = (uint)_receive[pair].Held.Length };
            _receive[pair].Held.CopyTo(held.Bytes);
            _state.Held = [.. _state.Held, held];
        }

        _state.HeldCount = (ushort)_state.Held.Length;
        writer.Write(NetState.Layout, _state);
    }

    /// <inheritdoc/>
    internal override SavedForm CreateSavedForm(IStateful transport, string section, int instance) =>
        new NetForm(this, transport, section, instance, _options, _network.HasHeaders);

    /// <summary>The driver has announced itself.</summary>
    /// <returns>False if it was not asked to.</returns>
    internal bool TryEndAnnouncement() => (Interlocked.And(ref _state.Status, ~Announce) & Announce) != 0;

    /// <summary>The driver says how many pairs of queues it uses.</summary>
    internal bool TryUsePairs(int pairs)
    {
        if (pairs < 1 || pairs > _options.Pairs || !HasFeature(MultiQueueFeature) || !_host.TryUsePairs(pairs))
        {
            return false;
        }

        if (_state.ActivePairs != pairs)
        {
            _state.ActivePairs = (ushort)pairs;
            StartHost();
        }

        return true;
    }

    /// <summary>The driver says which of the offloads that were negotiated it wants now.</summary>
    internal bool TryUseOffloads(ulong offloads)
    {
        ulong negotiated = Registers.DriverFeatures & GuestOffloads;
        if (!HasFeature(ControlOffloadsFeature) || (offloads & ~negotiated) != 0 || !_host.TryUseOffloads(offloads))
        {
            return false;
        }

        _state.DisabledOffloads = negotiated & ~offloads;
        return true;
    }

    /// <summary>The driver has changed which frames it wants.</summary>
    internal void FilterHasChanged() => ReceiveFilterChanged?.Invoke();

    /// <inheritdoc/>
    protected override void LoadRecord(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var ours = (_state.IsLinkDisabled, _state.HostOffloads);
        try
        {
            reader.Read(NetState.Layout, _state);
            _state.Check(Features);
        }
        catch (StateException)
        {
            (_state.IsLinkDisabled, _state.HostOffloads) = ours;
            throw;
        }

        foreach (int pair in Pairs)
        {
            var held = _state.Held.AsSpan(0, _state.HeldCount);
            _receive[pair].Hold([]);
            foreach (var frame in held)
            {
                if (frame.Pair == pair)
                {
                    _receive[pair].Hold(frame.Bytes.AsSpan(0, (int)frame.Length));
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void ForgetDriver()
    {
        _state.ForgetDriver();
        _filter.Clear(_options.Mac);
        Array.ForEach(_receive, static queue => queue.Drop());
    }

    /// <inheritdoc/>
    protected override void QueuesStopped()
    {
        _isHostStarted = false;
        _host.Forget();
        foreach (int pair in Pairs)
        {
            _network.QueueAt(pair).Stop();
            if (_answers[pair].Stop())
            {
                Interrupt.Raise(VirtioInterrupt.UsedBuffer);
            }
        }
    }

    /// <inheritdoc/>
    protected override void Process(VirtQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        if (!_isHostStarted)
        {
            InformHost();
            StartHost();
            UpdateLink();
        }

        bool again = false;
        bool isBroken = false;
        int pair = queue.Index / 2;
        if (queue.Index == ControlIndex)
        {
            queue.SuppressKicks();
            again = _control.Serve(queue, out isBroken);
        }
        else if (pair < _state.ActivePairs)
        {
            queue.SuppressKicks();
            again = queue.Index % 2 == 0
                ? _receive[pair].Serve(queue, Registers.DriverFeatures, IsLinkUp, out isBroken)
                : _send[pair].Serve(queue, IsLinkUp, out isBroken);
        }

        if (queue.Index == ControlIndex || pair >= _options.Pairs)
        {
            Publish(queue);
        }
        else
        {
            PublishPair(queue, _answers[pair]);
        }

        if (isBroken)
        {
            RequireReset();
        }
        else if (again)
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
            _network.ConnectionChanged = null;
            foreach (int pair in Pairs)
            {
                _network.QueueAt(pair).Dispose();
            }
        }
    }

    /// <summary>Lets the driver see what was pushed, and interrupts it for what was sent and its answer at once.</summary>
    private void PublishPair(VirtQueue queue, AwaitedAnswer answer)
    {
        bool hasMoved = queue.HasUnpublished;
        bool interrupts = queue.Publish();
        if (queue.Index % 2 == 0)
        {
            interrupts |= answer.End(hasMoved);
        }
        else if (interrupts && answer.TryHold())
        {
            interrupts = false;
            Kick((uint)queue.Index - 1);
        }

        if (interrupts)
        {
            Interrupt.Raise(VirtioInterrupt.UsedBuffer);
        }
    }

    private bool HasFeature(ulong feature) => (Registers.DriverFeatures & feature) != 0;

    /// <summary>What the driver has decided while its queues were not served, or by its features.</summary>
    private void InformHost()
    {
        // A host that refuses keeps its previous setting: asked again when the queues are served the next time.
        _host.TryUsePairs(_state.ActivePairs);
        _host.TryUseOffloads(Offloads);
    }

    /// <summary>The pairs that the driver uses are served from the host's end too, each once at once; the others are not.</summary>
    private void StartHost()
    {
        _isHostStarted = true;
        for (int pair = 0; pair < _options.Pairs; pair++)
        {
            var host = _network.QueueAt(pair);
            if (pair < _state.ActivePairs)
            {
                host.Start();
                Kick((2 * (uint)pair) + 1);
            }
            else
            {
                host.Stop();
            }
        }
    }

    /// <summary>The cable was plugged in or pulled out, at either end: the driver is notified, and the queues that rest look again.</summary>
    private void UpdateLink()
    {
        lock (_linkGate)
        {
            bool isUp = IsLinkEnabled && _network.IsConnected;
            if (isUp == IsLinkUp)
            {
                return;
            }

            _ = isUp ? Interlocked.Or(ref _state.Status, LinkUp) : Interlocked.And(ref _state.Status, ~LinkUp);
            ConfigurationChanged();
        }

        for (uint queue = 0; queue < 2 * (uint)_options.Pairs; queue++)
        {
            Kick(queue);
        }
    }
}
