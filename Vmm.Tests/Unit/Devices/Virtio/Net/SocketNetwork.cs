using Vmm.Core.Backends.Net;
using Vmm.Core.Descriptors;

namespace Vmm.Tests.Unit.Devices.Virtio.Net;

/// <summary>A network back end in the hands of a test: each of its queues is a socket whose other end is the test's.</summary>
internal sealed class SocketNetwork : NetBackEnd
{
    private readonly SocketNetQueue[] _queues;
    private bool _isConnected = true;

    internal SocketNetwork(int queues = 1, bool hasHeaders = true)
        : base(new TapNetdevConfiguration("net0"))
    {
        HasHeaders = hasHeaders;
        _queues = [.. Enumerable.Range(0, queues).Select(_ => new SocketNetQueue())];
    }

    public override int QueueCount => _queues.Length;

    public override bool HasHeaders { get; }

    public override string Description => "type=socket";

    public override bool IsConnected => _isConnected;

    /// <summary>What the device has said of offloads, each time.</summary>
    internal List<NetOffloads> Offloads { get; } = [];

    /// <summary>What the device has said of its queues, each time.</summary>
    internal List<int> ActiveQueues { get; } = [];

    /// <summary>Whether the host refuses what the device says.</summary>
    internal bool Refuses { get; set; }

    public override bool TrySetOffloads(NetOffloads offloads)
    {
        Offloads.Add(offloads);
        return !Refuses;
    }

    public override bool TrySetActiveQueues(int pairs)
    {
        ActiveQueues.Add(pairs);
        return !Refuses;
    }

    public override void Open()
    {
    }

    public override void Adopt(HandedOverDescriptors handedOver)
    {
    }

    public override IEnumerable<HandoverDescriptor> Export() => [];

    public override NetQueue QueueAt(int pair) => _queues[pair];

    public override void Release() => Dispose();

    internal SocketNetQueue At(int pair) => _queues[pair];

    /// <summary>The cable is plugged in or pulled out at the host's end.</summary>
    internal void Connect(bool isConnected)
    {
        _isConnected = isConnected;
        ConnectionChanged?.Invoke();
    }

    /// <summary>The next process has the same sockets.</summary>
    internal SocketNetwork Successor()
    {
        var next = new SocketNetwork(QueueCount, HasHeaders);
        for (int i = 0; i < _queues.Length; i++)
        {
            next._queues[i].Replace(_queues[i]);
        }

        return next;
    }

    protected override void Dispose(bool disposing) => Array.ForEach(_queues, queue => queue.Close());
}
