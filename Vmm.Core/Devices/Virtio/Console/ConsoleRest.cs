using Vmm.Core.Devices.Virtio.Saved;
using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>What a console has and QEMU's section no place for.</summary>
internal sealed class ConsoleRest : IVirtioRest
{
    internal static readonly StateLayout<ConsoleRest> Layout = new("vmm/virtio-console", version: 1)
    {
        { "port_count", s => ref s.PortCount },
        { "ports", s => ref s.Ports, PortLayout, "port_count", ConsoleState.MostPorts },
        { "virtio", s => s.Virtio, VirtioRest.Layout },
    };

    internal byte PortCount;
    internal PortState[] Ports = [];

    /// <inheritdoc/>
    public VirtioRest Virtio { get; } = new();

    private static StateLayout<PortState> PortLayout => new("vmm/virtio-console-port", version: 1)
    {
        { "id", s => ref s.Number },
        { "guest_ready", s => ref s.GuestReady },
        { "guest_connected", s => ref s.GuestOpen },
        { "announcements", s => ref s.Announcements },
        { "open_changes", s => ref s.OpenChanges },
        { "output_consumed", s => ref s.OutputConsumed },
        { "input_count", s => ref s.InputCount },
        { "input", s => s.Input, "input_count", PortState.InputCapacity },
    };
}
