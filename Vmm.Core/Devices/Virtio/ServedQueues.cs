using Vmm.Core.Buses;
using Vmm.Core.Loop;

namespace Vmm.Core.Devices.Virtio;

/// <summary>All queues of a device. Control members: one thread at a time.</summary>
internal sealed class ServedQueues : IDisposable
{
    private readonly ServedQueue[] _queues;

    /// <summary>Makes them, stopped.</summary>
    /// <param name="state">The driver's set-up of each.</param>
    /// <param name="sizes">The largest size of each.</param>
    /// <param name="memory">Guest RAM.</param>
    /// <param name="thread">The thread that serves them.</param>
    /// <param name="serve">Serves one.</param>
    internal ServedQueues(VirtioState state, ReadOnlySpan<ushort> sizes, IGuestMemory memory, IIoThread thread, Action<ServedQueue> serve)
    {
        var queues = new List<ServedQueue>();
        try
        {
            for (int i = 0; i < sizes.Length; i++)
            {
                queues.Add(new ServedQueue(new VirtQueue(i, sizes[i], state.Queues[i], memory), thread, serve));
            }
        }
        catch
        {
            queues.ForEach(queue => queue.Dispose());
            throw;
        }

        _queues = [.. queues];
    }

    internal ReadOnlySpan<ServedQueue> All => _queues;

    internal ServedQueue this[int index] => _queues[index];

    /// <summary>Whether the driver takes one back.</summary>
    internal bool IsOneEnding => Array.Exists(_queues, static queue => queue.IsEnding);

    internal long DescriptorsRead => _queues.Sum(queue => queue.Queue.DescriptorsRead);

    /// <summary>The queue of a number that a driver gives; null if there is none.</summary>
    internal ServedQueue? Find(uint index) => index < (uint)_queues.Length ? _queues[index] : null;

    /// <summary>Begins to serve those that are set up.</summary>
    /// <returns>False if the rings of one are not what they must be.</returns>
    internal bool TryStart(ulong features)
    {
        foreach (var queue in _queues)
        {
            if (queue.Queue.State.Ready && !queue.TryStart(features))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>When this returns, none is served.</summary>
    internal void Stop()
    {
        foreach (var queue in _queues)
        {
            queue.Stop();
        }
    }

    public void Dispose()
    {
        foreach (var queue in _queues)
        {
            queue.Dispose();
        }
    }
}
