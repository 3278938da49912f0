using Vmm.Core.Devices.Virtio.Saved;
using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Block;

/// <summary>
/// What QEMU saves of a block device: the requests that failed and are to be made again, each behind a one, then a zero. Ours are in the other section, for
/// QEMU saves where their buffers are, which only the driver's memory says.
/// </summary>
internal sealed class SavedBlock : ISavedPart
{
    private const byte End = 0;
    private const byte Another = 1;

    /// <summary>The requests.</summary>
    internal List<HeldRequest> Requests { get; } = [];

    /// <inheritdoc/>
    public void Save(StateWriter writer, SavedVirtio device)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteByte(End);
    }

    /// <inheritdoc/>
    public void Load(StateReader reader, SavedVirtio device)
    {
        ArgumentNullException.ThrowIfNull(reader);
        ArgumentNullException.ThrowIfNull(device);
        Requests.Clear();
        long most = 0;
        foreach (var queue in device.Existing)
        {
            most += Math.Min(queue.Size, VirtQueue.GreatestSize);
        }

        for (byte next; (next = reader.ReadByte()) != End;)
        {
            if (next != Another)
            {
                throw new StateException($"request list: 1 for another request or 0 for its end expected, {next} found");
            }

            if (Requests.Count == most)
            {
                throw new StateException($"request list: at most {most} requests expected, more found");
            }

            uint queue = device.QueueCount > 1 ? SavedVirtio.Bounded(reader.ReadUInt32(), device.QueueCount - 1, "queue of a request") : 0;
            Requests.Add(new HeldRequest { Queue = (ushort)queue, Head = SavedElement.Read(reader).Head });
        }
    }
}
