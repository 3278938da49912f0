using Microsoft.Extensions.Logging;
using Vmm.Core.Backends.Net;
using Vmm.Core.Loop;

namespace Vmm.Core.Machines;

/// <summary>Makes network back ends as they are configured.</summary>
internal static class NetdevFactory
{
    /// <summary>Makes one; nothing is opened yet.</summary>
    /// <param name="netdev">What it is to be.</param>
    /// <param name="loop">The loop of the back ends.</param>
    /// <param name="log">Where failures are reported.</param>
    internal static NetBackEnd Create(NetdevConfiguration netdev, EventLoop loop, ILogger log) => netdev switch
    {
        TapNetdevConfiguration tap => new TapNetdev(tap, log),
        StreamNetdevConfiguration stream => new StreamNetdev(stream, loop, log),
        UserNetdevConfiguration user => new UserNetdev(user, loop, log),
        _ => throw new NotSupportedException($"netdev '{netdev.Id}': no such back end"),
    };
}
