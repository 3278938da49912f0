using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>What a port must not forget.</summary>
internal sealed class PortState
{
    /// <summary>The most bytes that came from the back end and are not in the driver's buffers yet.</summary>
    internal const int InputCapacity = 2048;

    internal static readonly StateLayout<PortState> Layout = new("virtio-console-port", version: 1)
    {
        { "id", s => ref s.Number },
        { "guest_ready", s => ref s.GuestReady },
        { "guest_connected", s => ref s.GuestOpen },
        { "host_connected", s => ref s.HostOpen },
        { "announcements", s => ref s.Announcements },
        { "open_changes", s => ref s.OpenChanges },
        { "output_consumed", s => ref s.OutputConsumed },
        { "input_count", s => ref s.InputCount },
        { "input", s => s.Input, InputCapacity },
    };

    /// <summary>Which port it is.</summary>
    internal uint Number;

    /// <summary>Whether the driver has set the port up.</summary>
    internal bool GuestReady;

    /// <summary>Whether the guest's end is open.</summary>
    internal bool GuestOpen;

    /// <summary>Whether the host's end is open.</summary>
    internal bool HostOpen;

    /// <summary>Control messages about the port that were not sent yet: bits of <see cref="PortMessages"/>.</summary>
    internal byte Announcements;

    /// <summary>How often <see cref="HostOpen"/> has changed since that was last sent to the driver: 0, 1, or 2 for every even number of changes.</summary>
    internal byte OpenChanges;

    /// <summary>How many bytes of the chain that the driver will be given back next the back end has taken already.</summary>
    internal uint OutputConsumed;

    /// <summary>How many bytes of <see cref="Input"/> wait.</summary>
    internal ushort InputCount;

    /// <summary>Bytes for the driver's buffers, oldest first; those after <see cref="InputCount"/> mean nothing.</summary>
    internal readonly byte[] Input = new byte[InputCapacity];

    /// <summary>To the record of a port without a driver.</summary>
    internal void Clear(uint number, bool hostOpen)
    {
        (Number, HostOpen) = (number, hostOpen);
        (GuestReady, GuestOpen, Announcements, OpenChanges, OutputConsumed, InputCount) = (false, false, 0, 0, 0, 0);
    }

    /// <param name="number">Which port it is.</param>
    /// <param name="announcements">Which announcements it can have.</param>
    /// <exception cref="StateException">No port has saved such a record.</exception>
    internal void Check(uint number, byte announcements)
    {
        Require(Number == number, "id", $"{number}", $"{Number}");
        Require((Announcements & ~announcements) == 0, "announcements", $"bits of {announcements}", $"{Announcements}");
        Require(OpenChanges <= PortMessages.MostOpenChanges, "open_changes", $"0 to {PortMessages.MostOpenChanges}", $"{OpenChanges}");
        Require(InputCount <= InputCapacity, "input_count", $"0 to {InputCapacity}", $"{InputCount}");
    }

    private static void Require(bool condition, string field, string expected, string found)
    {
        if (!condition)
        {
            throw new StateException($"virtio-console-port {field}: {expected} expected, {found} found");
        }
    }
}
