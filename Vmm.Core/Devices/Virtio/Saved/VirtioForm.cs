// The form of a virtio device in a saved file: QEMU's section of it, and one of ours with what that has no place for.
//
// Ours is written only if it is needed. Whether it is, is found by trial: what QEMU's section says is made into a record of the device's own, and that is
// compared with the record that was to be saved. So whatever a section without the other would lose, now or when a device has grown, is not lost.

using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Saved;

/// <summary>The form of one kind of virtio device.</summary>
/// <typeparam name="TState">The device's own record.</typeparam>
/// <typeparam name="TPart">What QEMU saves of this kind only.</typeparam>
/// <typeparam name="TRest">What QEMU's section has no place for.</typeparam>
internal abstract class VirtioForm<TState, TPart, TRest> : SavedForm<TState>
    where TState : class
    where TPart : class, ISavedPart, new()
    where TRest : class, IVirtioRest, new()
{
    private readonly SavedVirtio<TPart> _saved = new();
    private readonly TRest _rest = new();
    private readonly SavedDevice _device;
    private readonly StateLayout<TState> _own;
    private readonly Func<TState> _create;
    private bool _isRestNeeded;

    /// <summary>Takes nothing from the device yet.</summary>
    /// <param name="device">The device, and the names of its sections.</param>
    /// <param name="own">Its own layout.</param>
    /// <param name="create">Makes a record of it, in the state after power-on.</param>
    /// <param name="layout">The layout of QEMU's section.</param>
    /// <param name="restLayout">The layout of ours.</param>
    protected VirtioForm(
        SavedDevice device, StateLayout<TState> own, Func<TState> create, StateLayout<SavedVirtio<TPart>> layout, StateLayout<TRest> restLayout)
        : base(device.Transport, own, create())
    {
        (_device, _own, _create) = (device, own, create);
        Parts =
        [
            new SavedPart<SavedVirtio<TPart>>(device.Section, device.Instance, layout, _saved),
            new SavedPart<TRest>(device.RestSection, device.Instance, restLayout, _rest) { IsNeeded = () => _isRestNeeded },
        ];
    }

    /// <inheritdoc/>
    public sealed override IReadOnlyList<SavedPart> Parts { get; }

    /// <summary>The part of the record that every device has.</summary>
    protected abstract VirtioState VirtioOf(TState own);

    /// <summary>Fills what only this kind has.</summary>
    /// <param name="own">The device's record; what a file cannot have of it may be cleared.</param>
    /// <param name="saved">QEMU's section, whose common part is filled.</param>
    /// <param name="rest">Ours.</param>
    protected abstract void FillPart(TState own, SavedVirtio<TPart> saved, TRest rest);

    /// <summary>Takes what only this kind has.</summary>
    /// <param name="own">The device's record; its queues are as if nothing were in flight.</param>
    /// <param name="saved">QEMU's section.</param>
    /// <param name="rest">Ours; null if there is none.</param>
    /// <exception cref="StateException">They hold what such a device cannot have.</exception>
    protected abstract void TakePart(TState own, SavedVirtio<TPart> saved, TRest? rest);

    /// <summary>The largest sizes of the queues that QEMU's device has.</summary>
    /// <param name="features">The features that are in force.</param>
    protected virtual ReadOnlySpan<ushort> SizesFor(ulong features) => _device.Sizes;

    /// <summary>Refuses a number of queues that the device cannot have.</summary>
    /// <exception cref="StateException">It is one.</exception>
    protected virtual void CheckQueueCount(uint count, ulong features)
    {
        if (count != _device.Sizes.Length)
        {
            throw new StateException($"virtio number of queues: {_device.Sizes.Length} expected, {count} found");
        }
    }

    /// <inheritdoc/>
    protected sealed override void Fill(TState own)
    {
        FillCommon(VirtioOf(own));
        FillPart(own, _saved, _rest);
        _rest.Virtio.Fill(VirtioOf(own));
        var derived = _create();
        Take(derived, rest: null);
        _isRestNeeded = !Bytes(derived).SequenceEqual(Bytes(own));
    }

    /// <inheritdoc/>
    protected sealed override void Take(TState own) => Take(own, _rest.Virtio.IsPresent ? _rest : null);

    private void Take(TState own, TRest? rest)
    {
        var common = VirtioOf(own);
        TakeCommon(common);
        TakePart(own, _saved, rest);
        rest?.Virtio.Take(common, _saved.QueueCount);
    }

    private void FillCommon(VirtioState own)
    {
        // Where a driver selects what there is not, QEMU has its nearest: the other half of the features, a queue that does not exist.
        _saved.HostFeaturesSelect = Math.Min(own.DeviceFeaturesSelect, 1);
        _saved.GuestFeaturesSelect = Math.Min(own.DriverFeaturesSelect, 1);
        _saved.QueueSelect = (ushort)Math.Min(own.QueueSelect, SavedVirtio.MostQueues - 1);
        (_saved.Status, _saved.InterruptStatus) = ((byte)own.Status, (byte)own.InterruptStatus);
        _saved.Features = (own.Status & DeviceStatus.FeaturesOk) != 0 ? own.DriverFeatures : 0;
        _saved.WrittenFeatures.Value = own.DriverFeatures;
        _saved.IsBroken = (own.Status & DeviceStatus.NeedsReset) != 0;
        _saved.IsStarted = (own.Status & DeviceStatus.DriverOk) != 0;
        _saved.Configuration = new byte[_device.ConfigurationLength];
        _device.Device.ReadConfiguration(0, _saved.Configuration);

        var sizes = SizesFor(_saved.Features);
        _saved.QueueCount = (uint)sizes.Length;
        for (int i = 0; i < own.QueueCount; i++)
        {
            _saved.Queues[i].Fill(own.Queues[i], i < sizes.Length ? sizes[i] : (ushort)0);
        }
    }

    private void TakeCommon(VirtioState own)
    {
        if (!_saved.IsModern)
        {
            throw new StateException("virtio: a device of virtio 1 expected, a legacy one without 'virtio/virtqueues' found");
        }

        CheckQueueCount(_saved.QueueCount, _saved.Features);
        (own.DeviceFeaturesSelect, own.DriverFeaturesSelect) = (_saved.HostFeaturesSelect, _saved.GuestFeaturesSelect);
        (own.QueueSelect, own.InterruptStatus, own.ConfigGeneration) = (_saved.QueueSelect, _saved.InterruptStatus, 0);
        own.Status = _saved.Status | (_saved.IsBroken ? DeviceStatus.NeedsReset : 0);
        own.DriverFeatures = (own.Status & DeviceStatus.FeaturesOk) != 0 ? _saved.Features : _saved.WrittenFeatures.Value;
        for (int i = 0; i < own.QueueCount; i++)
        {
            _saved.Queues[i].Take(own.Queues[i]);
        }
    }

    private byte[] Bytes(TState own)
    {
        var writer = new StateWriter();
        writer.Write(_own, own);
        return writer.Written.ToArray();
    }
}
