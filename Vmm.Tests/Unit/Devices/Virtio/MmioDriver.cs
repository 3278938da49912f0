using System.Buffers.Binary;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Transports.Mmio;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;

namespace Vmm.Tests.Unit.Devices.Virtio;

/// <summary>A driver of a virtio device over MMIO, and the machine around it.</summary>
internal sealed class MmioDriver : IDisposable
{
    internal const uint Place = 23;

    internal MmioDriver(VirtioContext context, Func<VirtioContext, VirtioDevice> create)
    {
        Context = context;
        Device = create(context);
        Transport = new VirtioMmio(context, new VirtioMmioSlot(Place), Device);
        Transport.Resume();
    }

    internal VirtioContext Context { get; }

    internal VirtioDevice Device { get; }

    internal VirtioMmio Transport { get; }

    internal uint StatusNow => Read(Status);

    public void Dispose()
    {
        Transport.Dispose();
        Context.Owned.ForEach(owned => owned.Dispose());
    }

    internal static MmioDriver Echo(VirtioContext? context = null) => new(context ?? new(), c => new EchoDevice(c));

    internal uint Read(uint register)
    {
        Span<byte> data = stackalloc byte[4];
        Transport.Read(register, data);
        return BinaryPrimitives.ReadUInt32LittleEndian(data);
    }

    internal void Write(uint register, uint value)
    {
        Span<byte> data = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(data, value);
        Transport.Write(register, data);
    }

    /// <summary>Negotiates features.</summary>
    /// <returns>Whether the device took them.</returns>
    internal bool Negotiate(ulong features)
    {
        Write(Status, 0);
        Write(Status, DeviceStatus.Acknowledge | DeviceStatus.Driver);
        for (uint half = 0; half < 2; half++)
        {
            Write(DriverFeaturesSelect, half);
            Write(DriverFeatures, (uint)(features >> (int)(32 * half)));
        }

        Write(Status, DeviceStatus.Acknowledge | DeviceStatus.Driver | DeviceStatus.FeaturesOk);
        return (StatusNow & DeviceStatus.FeaturesOk) != 0;
    }

    /// <summary>Sets a queue up.</summary>
    internal void SetUp(uint queue, DriverRing ring)
    {
        Write(QueueSelect, queue);
        Write(QueueSize, ring.Size);
        foreach (var (low, address) in new[] { (QueueDescriptorsLow, ring.Descriptors), (QueueDriverLow, ring.Available), (QueueDeviceLow, ring.Used) })
        {
            Write(low, (uint)address);
            Write(low + 4, (uint)(address >> 32));
        }

        Write(QueueReady, 1);
    }

    /// <summary>Sets the device up with its first queue.</summary>
    internal DriverRing Start(ulong features = VirtioFeatures.Version1, ushort size = 8)
    {
        var ring = new DriverRing(Context.Ram, size);
        Assert.That(Negotiate(features), Is.True, "the device takes the features");
        SetUp(0, ring);
        Write(Status, StatusNow | DeviceStatus.DriverOk);
        Context.Thread.Run();
        return ring;
    }

    /// <summary>Notifies a queue and lets the thread serve it.</summary>
    internal void Kick(uint queue = 0)
    {
        Write(QueueNotify, queue);
        Context.Thread.Run();
    }

    internal byte[] Save()
    {
        var writer = new StateWriter();
        Transport.Save(writer);
        return writer.Written.ToArray();
    }

    internal void Load(byte[] state) => Transport.Load(new StateReader(state));
}
