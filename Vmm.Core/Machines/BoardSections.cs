using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Machines;

/// <summary>Everything of a board whose state travels, and by which names it is found in a stream.</summary>
internal static class BoardSections
{
    /// <summary>
    /// All sections, in saving order: devices, back ends, vCPUs, in-kernel devices, the run state. A back end that nothing uses has no state, but for
    /// a ring, into which a management client can put bytes; programs that did not open such a back end send none for it.
    /// </summary>
    internal static IReadOnlyList<StateSection> Of(Board board, GuestClock clock, BoardChardevs chardevs) =>
    [
        new StateSection(0, clock),
        .. board.Devices.Devices.Where(device => device.State is not null).Select(SectionOf),
        .. chardevs.Used.Select((chardev, position) => new StateSection(0, chardev)
        {
            Name = $"/chardevs/{chardev.Label}",
            IsBackEnd = true,
            ReleasedAs = (chardev.Layout.Name, position),
        }),
        .. chardevs.Spare.OfType<RingbufChardev>().Select(ring => new StateSection(0, ring) { Name = $"/chardevs/{ring.Label}", MayBeAbsent = true, IsBackEnd = true }),
        .. chardevs.Used.Where(chardev => chardev.Log is not null).Select(
            chardev => new StateSection(0, chardev.Log!) { Name = $"/chardevs/{chardev.Label}/log", IsBackEnd = true }),
        .. chardevs.Used.OfType<MuxChardev>().Select(mux => new StateSection(0, mux.Switch) { Name = $"/chardevs/{mux.Label}/mux", IsBackEnd = true }),
        .. board.Netdevs.AllOfStream.Where(netdev => netdev.State is not null).Select(
            netdev => new StateSection(0, netdev.State!) { Name = $"/netdevs/{netdev.Id}", MayBeAbsent = !board.Netdevs.IsUsed(netdev.Id), IsBackEnd = true }),
        .. board.Vm.Cpus.Select(cpu => new StateSection(cpu.Index, cpu)),
        .. board.Vm.KernelDevices.GroupBy(device => device.Layout.Name).SelectMany(
            same => same.Select((device, instance) => new StateSection(instance, device))),
        new StateSection(0, board.GlobalState),
    ];

    private static StateSection SectionOf(Device device) => device.Configuration.Type.IsNamedByPath
        ? new StateSection(0, device.State!) { Name = device.Path }
        : new StateSection(device.Instance, device.State!) { Name = device.SectionName ?? device.State!.Layout.Name };
}
