using Vmm.Core.Devices.Virtio;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Devices.Virtio.Saved;

/// <summary>Carries a device's state in the form that it has in a file.</summary>
internal static class SavedForms
{
    private const string Section = "virtio-mmio@00000000feb02e00/virtio-x";

    /// <summary>Saves a device.</summary>
    /// <returns>QEMU's section, and ours if it is needed.</returns>
    internal static (byte[] Qemus, byte[]? Ours) Save(IStateful device)
    {
        var form = device.CreateSavedForm(Section, 3)!;
        form.Capture();
        Assert.That(form.Parts.Select(part => (part.Name, part.Instance)), Is.EqualTo(new[] { (Section, 3), ($"vmm/{Section}", 3) }));
        Assert.That(form.Parts[0].IsNeeded is null, "QEMU's is always there");
        return (Bytes(form.Parts[0]), form.Parts[1].IsNeeded!() ? Bytes(form.Parts[1]) : null);
    }

    /// <summary>Loads a device.</summary>
    internal static void Load(IStateful device, byte[] qemus, byte[]? rest = null)
    {
        var form = device.CreateSavedForm(Section, 0)!;
        Read(form.Parts[0], qemus);
        if (rest is not null)
        {
            Read(form.Parts[1], rest);
        }

        form.Restore();
    }

    /// <summary>Has a device save what it has loaded, which it is to have as it was.</summary>
    /// <param name="from">The device.</param>
    /// <param name="to">Another one of the same kind.</param>
    /// <returns>Whether it took a section of ours.</returns>
    internal static bool AssertNothingIsLost(MmioDriver from, MmioDriver to)
    {
        from.Transport.Quiesce();
        to.Transport.Quiesce();
        byte[] own = from.Save();
        var (qemus, rest) = Save(from.Transport);
        Load(to.Transport, qemus, rest);
        Assert.That(to.Save(), Is.EqualTo(own));
        return rest is not null;
    }

    /// <summary>Has a device load what QEMU has saved, and save the same.</summary>
    internal static void AssertQemusOwn(MmioDriver driver, byte[] qemus)
    {
        driver.Transport.Quiesce();
        Load(driver.Transport, qemus);
        var (again, rest) = Save(driver.Transport);
        Assert.That(QemuSections.Text(again), Is.EqualTo(QemuSections.Text(qemus)));
        Assert.That(rest, Is.Null);
    }

    /// <summary>Asserts how a device without a driver refuses two sections.</summary>
    internal static void AssertRefused(MmioDriver driver, byte[] qemus, byte[]? rest, string message)
    {
        driver.Transport.Quiesce();
        driver.Transport.Reset();
        Assert.That(() => Load(driver.Transport, qemus, rest), Throws.TypeOf<StateException>().With.Message.EqualTo(message));
        Assert.That(driver.StatusNow, Is.Zero, "there is none afterwards");
    }

    /// <summary>A copy with other bytes at a place.</summary>
    internal static byte[] With(this byte[] bytes, int at, params byte[] others) => [.. bytes[..at], .. others, .. bytes[(at + others.Length)..]];

    /// <summary>A part of a record of which nothing is as after power-on.</summary>
    /// <param name="state">The part.</param>
    /// <param name="features">What the driver has accepted.</param>
    /// <param name="size">The size of every queue.</param>
    /// <param name="status">The status; of a device that has failed, by default.</param>
    internal static void Fill(VirtioState state, ulong features, ushort size = 4, uint status = DeviceStatus.All)
    {
        (state.Status, state.DriverFeatures, state.InterruptStatus) = (status, features, 3);
        (state.DeviceFeaturesSelect, state.DriverFeaturesSelect, state.QueueSelect, state.ConfigGeneration) = (5, 6, 0x12345, 7);
        for (int i = 0; i < state.QueueCount; i++)
        {
            var queue = state.Queues[i];
            (queue.Size, queue.Ready, queue.NextAvailable, queue.NextUsed) = (size, i % 3 != 1, (ushort)(0xfff0 + (3 * i)), (ushort)(0x100 + i));
            ulong address = (ulong)(i + 1) << 33 | 0x1000;
            (queue.DescriptorAddress, queue.AvailableAddress, queue.UsedAddress) = (address, address + 0x100, address + 0x200);
        }
    }

    /// <summary>A record's bytes.</summary>
    internal static byte[] Own<T>(StateLayout<T> layout, T state)
        where T : class
    {
        var writer = new StateWriter();
        writer.Write(layout, state);
        return writer.Written.ToArray();
    }

    private static byte[] Bytes(SavedPart part)
    {
        var writer = new StateWriter();
        part.Save(writer);
        byte[] bytes = writer.Written.ToArray();
        var reader = Reader(part, bytes);
        Assert.That(reader.Describe(part.Layout).Fields.Sum(field => (long)field.Size * (field.ArrayLength ?? 1)), Is.EqualTo(bytes.Length));
        Assert.That(reader.Remaining, Is.Zero, "a blank one reads all of it");
        return bytes;
    }

    private static void Read(SavedPart part, byte[] bytes)
    {
        var reader = Reader(part, bytes);
        part.Load(reader);
        Assert.That(reader.Remaining, Is.Zero, "all of the section is read");
    }

    private static StateReader Reader(SavedPart part, byte[] bytes) => new(bytes) { SectionVersion = part.Layout.Version };
}
