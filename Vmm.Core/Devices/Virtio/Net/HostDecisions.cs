// What of the driver's decisions the host has to know: how many pairs of queues are served, which offloads the guest takes. It is informed only of what is new to it,
// because that takes a lock of all the host's interfaces.

using Vmm.Core.Backends.Net;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>The driver's decisions as the host knows them. The thread that serves the queues; any other while they are stopped.</summary>
/// <param name="network">The back end.</param>
/// <param name="state">Where it is kept which offloads it was informed of.</param>
internal sealed class HostDecisions(NetBackEnd network, NetState state)
{
    private int _pairs;

    /// <summary>How often the host was informed of something.</summary>
    internal long TimesInformed { get; private set; }

    /// <summary>How many pairs the host serves is not known any more: another process may decide it meanwhile.</summary>
    internal void Forget() => _pairs = 0;

    /// <summary>So many pairs are served.</summary>
    /// <returns>False if the host refuses.</returns>
    internal bool TryUsePairs(int pairs)
    {
        if (_pairs == pairs)
        {
            return true;
        }

        TimesInformed++;
        bool isDone = network.TrySetActiveQueues(pairs);
        _pairs = isDone ? pairs : 0;
        return isDone;
    }

    /// <summary>These offloads are in force.</summary>
    /// <returns>False if the host refuses; then it is as it was.</returns>
    internal bool TryUseOffloads(ulong offloads)
    {
        if (ToHost(offloads) != ToHost(state.HostOffloads))
        {
            TimesInformed++;
            if (!network.TrySetOffloads(ToHost(offloads)))
            {
                return false;
            }
        }

        state.HostOffloads = offloads;
        return true;
    }

    /// <summary>What a driver that accepts one without that on which it rests can complete: the host refuses such.</summary>
    private static NetOffloads ToHost(ulong offloads)
    {
        if ((offloads & GuestChecksumFeature) == 0)
        {
            return NetOffloads.None;
        }

        var tso = ((offloads & GuestTso4Feature) != 0 ? NetOffloads.Tso4 : 0) | ((offloads & GuestTso6Feature) != 0 ? NetOffloads.Tso6 : 0);
        return NetOffloads.Checksum
            | tso
            | (tso != 0 && (offloads & GuestEcnFeature) != 0 ? NetOffloads.TsoEcn : 0)
            | ((offloads & GuestUfoFeature) != 0 ? NetOffloads.Ufo : 0);
    }
}
