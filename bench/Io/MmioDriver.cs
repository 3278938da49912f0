// What a driver writes to the registers of a virtio-mmio device before it lives (virtio 1.2, sections 3.1.1 and 4.2.3), one word at a time.

using System.Buffers.Binary;
using Vmm.Core.Devices.Virtio.Transports.Mmio;

namespace Vmm.Bench.Io;

/// <summary>Sets a device up as a guest's driver does: <see cref="Begin"/>, each queue, <see cref="Finish"/>.</summary>
/// <param name="transport">The device's registers.</param>
internal sealed class MmioDriver(VirtioMmio transport)
{
    // Registers, and bits of the status (virtio 1.2, sections 4.2.2 and 2.1).
    private const uint DriverFeatures = 0x20;
    private const uint DriverFeaturesSelect = 0x24;
    private const uint QueueSelect = 0x30;
    private const uint QueueSize = 0x38;
    private const uint QueueReady = 0x44;
    private const uint InterruptAcknowledge = 0x64;
    private const uint Status = 0x70;
    private const uint QueueDescriptors = 0x80;
    private const uint QueueDriver = 0x90;
    private const uint QueueDevice = 0xa0;
    private const uint AcknowledgedWithDriver = 1 | 2;
    private const uint DriverOk = 4;
    private const uint FeaturesOk = 8;
    private const uint NeedsReset = 64;
    private const uint Live = AcknowledgedWithDriver | FeaturesOk | DriverOk;

    /// <summary>Acknowledges the device and takes these of its features.</summary>
    internal void Begin(ulong features)
    {
        Write(Status, AcknowledgedWithDriver);
        for (int half = 0; half < 2; half++)
        {
            Write(DriverFeaturesSelect, (uint)half);
            Write(DriverFeatures, (uint)(features >> (32 * half)));
        }

        Write(Status, AcknowledgedWithDriver | FeaturesOk);
    }

    /// <summary>Makes a queue ready: its number, how many descriptors it has, and where its three parts are in the guest's memory, below 4 GiB.</summary>
    internal void AddQueue(uint queue, uint size, uint descriptors, uint available, uint used)
    {
        Write(QueueSelect, queue);
        Write(QueueSize, size);
        Write(QueueDescriptors, descriptors);
        Write(QueueDriver, available);
        Write(QueueDevice, used);
        Write(QueueReady, 1);
    }

    /// <summary>Says that the driver is ready.</summary>
    /// <exception cref="InvalidOperationException">The device does not live.</exception>
    internal void Finish()
    {
        Write(Status, Live);
        Span<byte> status = stackalloc byte[sizeof(uint)];
        transport.Read(Status, status);
        if (BinaryPrimitives.ReadUInt32LittleEndian(status) is not Live and var found)
        {
            throw new InvalidOperationException($"the device does not take its driver: status 0x{found:x}, with 0x{NeedsReset:x} if it needs a reset");
        }
    }

    /// <summary>Acknowledges the interrupt that says that a queue has used buffers.</summary>
    internal void Acknowledge() => Write(InterruptAcknowledge, 1);

    private void Write(uint register, uint value)
    {
        Span<byte> data = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(data, value);
        transport.Write(register, data);
    }
}
