using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>What a virtio console must not forget.</summary>
internal sealed class ConsoleState
{
    /// <summary>The most ports: each has two queues, and so has control.</summary>
    internal const int MostPorts = (VirtioState.MostQueues / 2) - 1;

    internal static readonly StateLayout<ConsoleState> Layout = new("virtio-console", version: 1)
    {
        { "port_count", s => ref s.PortCount },
        { "ports", s => ref s.Ports, PortState.Layout, "port_count", MostPorts },
        { "virtio", s => s.Virtio, VirtioState.Layout },
    };

    /// <summary>How many ports there are.</summary>
    internal byte PortCount;

    /// <summary>The ports, by number.</summary>
    internal PortState[] Ports = [];

    /// <summary>Registers and queues.</summary>
    internal readonly VirtioState Virtio;

    /// <summary>A record of a device without ports and without a driver.</summary>
    /// <param name="mostPorts">The most ports that it can have.</param>
    internal ConsoleState(int mostPorts) => Virtio = new VirtioState(ConsoleQueues.CountFor(mostPorts));
}
