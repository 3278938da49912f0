// Virtio over MMIO, version 2: a page of registers and an interrupt for each device.
//
// Registers are 32 bits wide: an access of another width, or between two of them, reads as zeros and writes nothing. Configuration
// space behind them is the device's, by 1, 2, 4 or 8 bytes. Registers are accessed one at a time under a lock, apart from those of a request's
// path: a notification (which seldom comes here, because its eventfd is bound to the address), the interrupt's status and its
// acknowledgement. The device behind is any; nothing here depends on which. Source: virtio 1.2, section 4.2.

using System.Buffers.Binary;
using Vmm.Core.Buses;
using Vmm.Core.Devices.Model;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;

namespace Vmm.Core.Devices.Virtio.Transports.Mmio;

/// <summary>A virtio device behind addresses.</summary>
public sealed class VirtioMmio : Device, IMmioDevice, IStateful, IDisposable
{
    private readonly Lock _lock = new();
    private readonly VirtioMmioSlot _slot;
    private readonly VirtioDevice _device;

    /// <summary>Puts a device into a place, and binds its doorbells.</summary>
    /// <param name="context">What it is given by its machine.</param>
    /// <param name="slot">The place.</param>
    /// <param name="device">The device; it belongs to the transport from here on, also when this fails.</param>
    internal VirtioMmio(IDeviceContext context, VirtioMmioSlot slot, VirtioDevice device)
    {
        _slot = slot;
        _device = device;
        try
        {
            device.Connect(
                context.InterruptLine(slot.Interrupt),
                (queue, kick) => context.BindDoorbell(slot.Range.First + QueueNotify, (uint)queue, kick));
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public MmioRange Range => _slot.Range;

    /// <inheritdoc/>
    public override byte[] Aml => _slot.Aml();

    /// <inheritdoc/>
    public override string SectionName => $"{_slot.SectionName}/{_device.SectionName}";

    /// <summary>The virtio device itself: devices on its bus know no transport.</summary>
    public override object? BusService => _device;

    /// <inheritdoc/>
    public StateLayout Layout => _device.Layout;

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        if (offset >= ConfigurationSpace)
        {
            data.Clear();
            if (data.Length is 1 or 2 or 4 or 8)
            {
                lock (_lock)
                {
                    _device.ReadConfiguration((uint)(offset - ConfigurationSpace), data);
                }
            }
        }
        else if (data.Length == sizeof(uint))
        {
            BinaryPrimitives.WriteUInt32LittleEndian(data, ReadRegister((uint)offset));
        }
        else
        {
            data.Clear();
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        if (offset >= ConfigurationSpace)
        {
            if (data.Length is 1 or 2 or 4 or 8)
            {
                lock (_lock)
                {
                    _device.WriteConfiguration((uint)(offset - ConfigurationSpace), data);
                }
            }
        }
        else if (data.Length == sizeof(uint))
        {
            WriteRegister((uint)offset, BinaryPrimitives.ReadUInt32LittleEndian(data));
        }
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        lock (_lock)
        {
            _device.Reset();
        }
    }

    /// <inheritdoc/>
    public override void Quiesce()
    {
        lock (_lock)
        {
            _device.Quiesce();
        }
    }

    /// <inheritdoc/>
    public override Task DrainAsync() => _device.DrainAsync();

    /// <inheritdoc/>
    public override void GuestContinues() => _device.GuestContinues();

    /// <inheritdoc/>
    public override void Resume()
    {
        lock (_lock)
        {
            _device.Resume();
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        lock (_lock)
        {
            _device.Save(writer);
        }
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        lock (_lock)
        {
            _device.Load(reader);
        }
    }

    /// <inheritdoc/>
    public SavedForm? CreateSavedForm(string section, int instance) => _device.CreateSavedForm(this, section, instance);

    /// <summary>Unbinds its doorbells and closes what the device has opened.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _device.Dispose();
        }
    }

    private uint ReadRegister(uint offset)
    {
        if (offset == InterruptStatus)
        {
            return _device.Interrupt.Status;
        }

        lock (_lock)
        {
            var state = _device.Registers;
            return offset switch
            {
                MagicValue => Magic,
                VirtioMmioRegisters.Version => NotLegacy,
                DeviceId => _device.DeviceId,
                VendorId => Vendor,
                DeviceFeatures => state.DeviceFeaturesSelect <= 1 ? (uint)(_device.Features >> (32 * (int)state.DeviceFeaturesSelect)) : 0,
                QueueSizeMax => _device.SelectedQueue?.Maximum ?? 0,
                QueueReady => _device.SelectedQueue?.State.Ready == true ? 1u : 0,
                Status => _device.Status,
                SharedMemoryLengthLow or SharedMemoryLengthHigh or SharedMemoryBaseLow or SharedMemoryBaseHigh => NoSharedMemory,
                ConfigGeneration => state.ConfigGeneration,
                _ => 0,
            };
        }
    }

    private void WriteRegister(uint offset, uint value)
    {
        switch (offset)
        {
            case QueueNotify:
                _device.Kick(value);
                return;
            case InterruptAcknowledge:
                _device.Interrupt.Acknowledge(value & VirtioInterrupt.All);
                return;
            case Status when value == 0:
                WhenDrained(static device => device.BeginReset(), static device => device.EndReset());
                return;
            case QueueReady when (value & 1) == 0:
                WhenDrained(static device => device.BeginQueueEnd(), static device => device.EndQueues());
                return;
            default:
                lock (_lock)
                {
                    WriteControl(offset, value);
                }

                return;
        }
    }

    /// <summary>
    /// The driver takes something back, and may use the memory of its requests again when this returns. The wait for them is outside of the lock, which
    /// the machine loop takes too.
    /// </summary>
    private void WhenDrained(Action<VirtioDevice> begin, Action<VirtioDevice> end)
    {
        lock (_lock)
        {
            begin(_device);
        }

        _device.DrainAsync().Wait();
        lock (_lock)
        {
            end(_device);
        }
    }

    private void WriteControl(uint offset, uint value)
    {
        var state = _device.Registers;
        switch (offset)
        {
            case DeviceFeaturesSelect:
                state.DeviceFeaturesSelect = value;
                break;
            case DriverFeatures:
                _device.WriteDriverFeatures(value);
                break;
            case DriverFeaturesSelect:
                state.DriverFeaturesSelect = value;
                break;
            case QueueSelect:
                state.QueueSelect = value;
                break;
            case QueueReady:
                _device.BeginQueue();
                break;
            case Status:
                _device.WriteStatus(value);
                break;
            default:
                // What is left are the places of the selected queue's rings, which cannot change while it is in use, or nothing.
                if (_device.SelectedQueue is { State.Ready: false } queue)
                {
                    WriteQueue(queue, offset, value);
                }

                break;
        }
    }

    private static void WriteQueue(VirtQueue queue, uint offset, uint value)
    {
        var state = queue.State;
        switch (offset)
        {
            case QueueSize:
                state.Size = VirtioState.IsSize(value, queue.Maximum) ? (ushort)value : state.Size;
                break;
            case QueueDescriptorsLow:
                SetLow(ref state.DescriptorAddress, value);
                break;
            case QueueDescriptorsHigh:
                SetHigh(ref state.DescriptorAddress, value);
                break;
            case QueueDriverLow:
                SetLow(ref state.AvailableAddress, value);
                break;
            case QueueDriverHigh:
                SetHigh(ref state.AvailableAddress, value);
                break;
            case QueueDeviceLow:
                SetLow(ref state.UsedAddress, value);
                break;
            case QueueDeviceHigh:
                SetHigh(ref state.UsedAddress, value);
                break;
            default:
                // Read-only, or no register at all.
                break;
        }
    }

    private static void SetLow(ref ulong address, uint value) => address = (address & 0xffff_ffff_0000_0000) | value;

    private static void SetHigh(ref ulong address, uint value) => address = (address & 0xffff_ffff) | ((ulong)value << 32);
}
