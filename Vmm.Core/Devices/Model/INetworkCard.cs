// What management reads and sets of a network device. The device's driver does so as well, on other threads: for links, filters and counters the device
// is the one place that knows, and answers at once with what is true at that moment.

namespace Vmm.Core.Devices.Model;

/// <summary>A network card: a <see cref="Device"/> with a <see cref="NetdevProperty"/>, or what such a device has for its bus (<see cref="Device.BusService"/>).</summary>
public interface INetworkCard
{
    /// <summary>Its MAC address as the guest has it now: 52:54:00:12:34:56. Any thread.</summary>
    string MacAddress { get; }

    /// <summary>Whether the operator lets frames pass; true unless <see cref="SetLink"/> said otherwise. It goes with the guest. Any thread.</summary>
    bool IsLinkEnabled { get; }

    /// <summary>
    /// Plugs the cable in or pulls it out, at the guest's end. The guest is notified; without a link no frame passes in either direction, and the host's
    /// are dropped or stay queued as they would for a guest that is stopped. Without effect when it is so already. Machine loop, with no lock of the device's held, and the guest is here.
    /// </summary>
    /// <param name="enabled">Whether frames are to pass.</param>
    void SetLink(bool enabled);

    /// <summary>Which frames the guest wants to receive, as it has said last. Any thread.</summary>
    ReceiveFilter ReceiveFilter { get; }

    /// <summary>
    /// To be called when the guest has changed <see cref="ReceiveFilter"/> or its MAC address, as often as it does. Any thread, with any lock held: it never waits, and
    /// allocates nothing. Set once, before the guest runs; null where there is no such client.
    /// </summary>
    Action? ReceiveFilterChanged { get; set; }

    /// <summary>What has passed since the device was built or reset by its machine, in whichever process. Any thread.</summary>
    NetworkCounters Counters { get; }
}
