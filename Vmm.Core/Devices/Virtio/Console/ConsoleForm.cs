using System.Buffers.Binary;
using Vmm.Core.Devices.Virtio.Saved;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Console.ConsoleRegisters;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>A console in a saved file.</summary>
/// <param name="device">The device.</param>
/// <param name="transport">What saves and loads it.</param>
/// <param name="section">The name of QEMU's section.</param>
/// <param name="instance">Which of several with this name.</param>
/// <param name="mostPorts">The most ports that it can have.</param>
/// <param name="emergencyWrite">Whether it offers to write a character without a queue.</param>
/// <param name="ports">The numbers of its ports.</param>
internal sealed class ConsoleForm(
    ConsoleDevice device, IStateful transport, string section, int instance, int mostPorts, bool emergencyWrite, uint[] ports)
    : VirtioForm<ConsoleState, SavedConsole, ConsoleRest>(
        new(device, transport, section, instance)
        {
            Sizes = ConsoleQueues.SizesFor(mostPorts),
            ConfigurationLength = emergencyWrite ? ConfigurationLength : EmergencyWriteOffset,
        },
        ConsoleState.Layout,
        () => new ConsoleState(mostPorts) { PortCount = (byte)ports.Length, Ports = [.. ports.Select(static number => new PortState { Number = number })] },
        Layout,
        ConsoleRest.Layout)
{
    /// <summary>The layout of QEMU's section.</summary>
    internal static readonly StateLayout<SavedVirtio<SavedConsole>> Layout = SavedVirtio<SavedConsole>.LayoutOf("virtio-console", version: 3);

    /// <summary>Which numbers are taken: 0 is kept for a console, and the ports have theirs. Ours are fewer than a word has bits.</summary>
    private uint PortsMap => ports.Aggregate(1u, static (map, number) => map | (1u << (int)number));

    /// <inheritdoc/>
    protected override VirtioState VirtioOf(ConsoleState own) => own.Virtio;

    /// <inheritdoc/>
    protected override void FillPart(ConsoleState own, SavedVirtio<SavedConsole> saved, ConsoleRest rest)
    {
        var part = saved.Part;
        part.Columns = BinaryPrimitives.ReadUInt16LittleEndian(saved.Configuration.AsSpan(ColumnsOffset));
        part.Rows = BinaryPrimitives.ReadUInt16LittleEndian(saved.Configuration.AsSpan(RowsOffset));
        (part.MostPorts, part.PortsMap) = ((uint)mostPorts, [PortsMap]);
        part.Ports.Clear();
        foreach (var port in own.Ports)
        {
            bool guestOpen = SaysOpen(saved, port.Number) ? port.GuestOpen : saved.IsStarted;
            part.Ports.Add(new(port.Number, guestOpen, port.HostOpen, Consumed: null));
        }

        (rest.PortCount, rest.Ports) = (own.PortCount, own.Ports);
    }

    /// <inheritdoc/>
    protected override void TakePart(ConsoleState own, SavedVirtio<SavedConsole> saved, ConsoleRest? rest)
    {
        var part = saved.Part;
        Require(part.MostPorts == mostPorts, "max_nr_ports", $"{mostPorts}", $"{part.MostPorts}");
        Require(part.PortsMap[0] == PortsMap, "ports_map", $"0x{PortsMap:x}", $"0x{part.PortsMap[0]:x}");
        string numbers = string.Join(", ", part.Ports.Select(static port => port.Number));
        Require(part.Ports.Select(static port => port.Number).Order().SequenceEqual(ports), "ports", string.Join(", ", ports), numbers);
        for (int i = 0; i < own.Ports.Length; i++)
        {
            var (port, found) = (own.Ports[i], part.Ports.Find(port => port.Number == ports[i]));
            port.Clear(ports[i], found.HostOpen);
            port.GuestOpen = found.GuestOpen && SaysOpen(saved, found.Number);

            // QEMU does not save whether the driver has set a port up: one that runs has set all of them up.
            port.GuestReady = saved.IsStarted && IsMultiPort(saved);
            if (found.Consumed is { } consumed)
            {
                Require(rest is null, "elem_popped", "none beside 'vmm/virtio-console'", $"one of port {found.Number}");
                PutBack(own, port, consumed);
            }
        }

        if (rest is not null)
        {
            TakeRest(own, saved, rest);
        }
    }

    private static bool IsMultiPort(SavedVirtio saved) => (saved.Features & MultiPort) != 0;

    /// <summary>Whether the guest says that its end is open: a driver without MULTIPORT cannot, and QEMU has its only port open while it runs.</summary>
    private static bool SaysOpen(SavedVirtio saved, uint port) => IsMultiPort(saved) || port != 0;

    /// <summary>A chain that QEMU has taken and not given back is put back here, and taken again by a device that knows how much of it is done.</summary>
    private static void PutBack(ConsoleState own, PortState port, uint consumed)
    {
        var queue = own.Virtio.Queues[ConsoleQueues.OutputOf(port.Number)];
        queue.NextAvailable--;
        queue.NextUsed--;
        port.OutputConsumed = consumed;
    }

    private static void TakeRest(ConsoleState own, SavedVirtio saved, ConsoleRest rest)
    {
        Require(rest.PortCount == own.PortCount, "port_count", $"{own.PortCount}", $"{rest.PortCount}");
        for (int i = 0; i < own.PortCount; i++)
        {
            var (port, found) = (own.Ports[i], rest.Ports[i]);
            Require(found.Number == port.Number, "id", $"{port.Number}", $"{found.Number}");
            Require(
                found.GuestOpen == port.GuestOpen || !SaysOpen(saved, port.Number),
                "guest_connected", $"{port.GuestOpen}, as in the device's other section,", $"{found.GuestOpen}");
            (port.GuestReady, port.GuestOpen) = (found.GuestReady, found.GuestOpen);
            (port.Announcements, port.OpenChanges, port.OutputConsumed) = (found.Announcements, found.OpenChanges, found.OutputConsumed);
            port.InputCount = found.InputCount;
            found.Input.AsSpan(0, found.InputCount).CopyTo(port.Input);
        }
    }

    private static void Require(bool condition, string field, string expected, string found)
    {
        if (!condition)
        {
            throw new StateException($"virtio-console {field}: {expected} expected, {found} found");
        }
    }
}
