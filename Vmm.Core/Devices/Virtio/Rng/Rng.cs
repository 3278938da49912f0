// The entropy device: the driver gives empty buffers, the device fills them with random bytes.
//
// It has one queue. A buffer that cannot be filled yet stays the driver's and is taken again later: when a period of the quota is over, or
// when the source is asked again. So nothing is ever in flight when the queue stops. What one buffer and one turn get is bounded, because
// a turn ends before an update can continue; a driver takes fewer bytes than it asked for and asks again.
// Source: virtio 1.2, section 5.4.

using Vmm.Core.Backends.Rng;
using Vmm.Core.Devices.Model;
using Vmm.Core.Loop;
using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Rng;

/// <summary>A virtio entropy device.</summary>
public sealed class Rng : VirtioDevice
{
    private const ushort QueueSize = 8;

    /// <summary>About 30 microseconds' work of the kernel.</summary>
    private const uint MostInOneBuffer = 8 << 10;

    private const int MostInOneTurn = 4;

    /// <summary>Beside a number of bytes: the source or the quota has none now.</summary>
    private const int NotYet = -1;

    /// <summary>Beside a number of bytes: the buffer is no memory.</summary>
    private const int NotRam = -2;

    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(1);

    private readonly RngState _state;
    private readonly RngBackEnd _source;
    private readonly ulong _quota;
    private readonly TimeSpan _period;
    private readonly DescriptorChain _chain = new(QueueSize);
    private readonly IIoTimer _periodTimer;
    private readonly IIoTimer _retryTimer;
    private VirtQueue? _waiting;
    private TimeSpan _retry = FirstRetry;
    private bool _isPeriodRunning;

    /// <summary>Creates the device.</summary>
    /// <param name="context">What it is given by its machine.</param>
    /// <param name="source">Where its bytes come from; it belongs to the device once this has returned.</param>
    /// <param name="quota">The most bytes in a period; <see cref="long.MaxValue"/> for as many as there are.</param>
    /// <param name="period">How long a period is.</param>
    public Rng(IDeviceContext context, RngBackEnd source, ulong quota, TimeSpan period)
        : this(context, source, quota, period, new RngState { QuotaRemaining = quota })
    {
    }

    private Rng(IDeviceContext context, RngBackEnd source, ulong quota, TimeSpan period, RngState state)
        : base(context, state.Virtio, QueueSize)
    {
        (_state, _source, _quota, _period) = (state, source, quota, period);
        try
        {
            _periodTimer = context.IoThread.CreateTimer(PeriodOver);
            _retryTimer = context.IoThread.CreateTimer(ServeWaiting);
        }
        catch
        {
            _periodTimer?.Dispose();
            base.Dispose(disposing: true);
            throw;
        }
    }

    /// <inheritdoc/>
    public override uint DeviceId => 4;

    /// <inheritdoc/>
    public override string SectionName => "virtio-rng";

    /// <inheritdoc/>
    public override StateLayout Layout => RngState.Layout;

    private bool IsLimited => _quota < long.MaxValue;

    /// <inheritdoc/>
    public override void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(RngState.Layout, _state);
    }

    /// <inheritdoc/>
    internal override SavedForm CreateSavedForm(IStateful transport, string section, int instance) =>
        new RngForm(this, transport, section, instance, QueueSize, _quota);

    /// <inheritdoc/>
    protected override void LoadRecord(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        reader.Read(RngState.Layout, _state);
        _state.QuotaRemaining = Math.Min(_state.QuotaRemaining, _quota);
    }

    /// <inheritdoc/>
    protected override void Process(VirtQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        queue.SuppressKicks();
        bool again = FillSome(queue);
        Publish(queue);
        RunPeriod();
        if (again || (_waiting is null && queue.RequestKicks()))
        {
            ProcessAgain(queue);
        }
    }

    /// <inheritdoc/>
    protected override void QueuesStopped()
    {
        _periodTimer.Disarm();
        _retryTimer.Disarm();
        _isPeriodRunning = false;
        _waiting = null;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
        {
            _periodTimer.Dispose();
            _retryTimer.Dispose();
            _source.Dispose();
        }
    }

    /// <summary>Fills as many buffers as one turn may.</summary>
    /// <returns>Whether there may be more to do at once.</returns>
    private bool FillSome(VirtQueue queue)
    {
        _waiting = null;
        for (int turn = 0; turn < MostInOneTurn; turn++)
        {
            var taken = queue.Take(_chain);
            if (taken == ChainOutcome.None)
            {
                return false;
            }

            int written = taken == ChainOutcome.Taken ? Fill() : NotRam;
            if (written == NotRam)
            {
                RequireReset();
                return false;
            }

            if (written == NotYet)
            {
                queue.PutBack();
                _waiting = queue;
                return false;
            }

            queue.Push(_chain.Head, (uint)written);
            _state.QuotaRemaining -= IsLimited ? (uint)written : 0;
        }

        return true;
    }

    /// <summary>Fills the buffer that was taken last, as far as one turn, quota and source allow.</summary>
    /// <returns>Bytes, <see cref="NotYet"/> or <see cref="NotRam"/>.</returns>
    private int Fill()
    {
        int room = (int)Math.Min(MostInOneBuffer, _state.QuotaRemaining);
        if (room == 0)
        {
            return NotYet;
        }

        int written = 0;
        foreach (var segment in _chain.Writable)
        {
            if (!Memory.TryLocate(segment.Address, segment.Length, out nint host))
            {
                return NotRam;
            }

            int length = (int)Math.Min(segment.Length, (uint)(room - written));
            int got = _source.Fill(host, length);
            if (got == RngBackEnd.Later && written == 0)
            {
                _retryTimer.Arm(_retry);
                _retry = _retry * 2 < LastRetry ? _retry * 2 : LastRetry;
                return NotYet;
            }

            // Where the host cannot provide the memory, the driver sees it by the length, which is shorter.
            written += Math.Max(got, 0);
            if (got < length || written == room)
            {
                break;
            }
        }

        _retry = FirstRetry;
        return written;
    }

    /// <summary>A period begins with the first byte that is given, and with a guest that arrives in the middle of one.</summary>
    private void RunPeriod()
    {
        if (IsLimited && !_isPeriodRunning && _state.QuotaRemaining < _quota)
        {
            _isPeriodRunning = true;
            _periodTimer.Arm(_period);
        }
    }

    private void PeriodOver()
    {
        _isPeriodRunning = false;
        _state.QuotaRemaining = _quota;
        ServeWaiting();
    }

    private void ServeWaiting()
    {
        if (_waiting is { } queue)
        {
            ProcessAgain(queue);
        }
    }
}
