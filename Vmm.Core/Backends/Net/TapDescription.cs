using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Net;

/// <summary>
/// What the descriptors of a tap say that they are. They are asked, and nothing about them is changed. Whether frames come with packet information
/// (IFF_NO_PI) none says: the kernel answers with the same bit that there is no filter.
/// </summary>
/// <param name="Name">The interface's name.</param>
/// <param name="HasHeaders">Whether a frame begins with a virtio-net header.</param>
internal readonly record struct TapDescription(string Name, bool HasHeaders)
{
    /// <summary>The header with the number of buffers, as all of virtio 1 has it.</summary>
    internal const int HeaderSize = 12;

    /// <summary>Examines descriptors, which may come from anywhere.</summary>
    /// <param name="configuration">What they are to be.</param>
    /// <param name="taps">One for each queue.</param>
    /// <exception cref="NetException">They are not that.</exception>
    internal static TapDescription Of(TapNetdevConfiguration configuration, IReadOnlyList<SafeFileHandle> taps)
    {
        TapDescription? first = null;
        for (int queue = 0; queue < taps.Count; queue++)
        {
            var found = Examine(configuration, taps, queue);
            first ??= found;
            if (found != first)
            {
                throw Unfit(configuration, queue, $"a queue of interface '{first.Value.Name}' as queue 0 is expected, it is one of '{found.Name}'{Kind(found)}");
            }
        }

        return first ?? throw new NetException($"netdev '{configuration.Id}': at least one queue is expected, there is none");
    }

    private static TapDescription Examine(TapNetdevConfiguration configuration, IReadOnlyList<SafeFileHandle> taps, int queue)
    {
        if (TapDevice.Ask(taps[queue]) is not { } asked)
        {
            throw Unfit(configuration, queue, "a queue of a tap interface is expected, the descriptor is none, or its interface is gone");
        }

        var (name, flags) = asked;
        try
        {
            return Describe(configuration, taps, queue, name, flags);
        }
        catch (PosixException e)
        {
            throw Unfit(configuration, queue, $"interface '{name}' does not say what it is: {e.Message}");
        }
    }

    private static TapDescription Describe(TapNetdevConfiguration configuration, IReadOnlyList<SafeFileHandle> taps, int queue, string name, TapFlags flags)
    {
        string? reason = (flags & TapFlags.Tap) == 0 ? $"a tap interface is expected, '{name}' is a tun interface, which has no Ethernet frames"
            : taps.Count > 1 && (flags & TapFlags.MultiQueue) == 0 ? $"an interface with several queues is expected, '{name}' has one: open it with IFF_MULTI_QUEUE"
            : !FileDescriptor.IsNonBlocking(taps[queue]) ? $"a non-blocking descriptor is expected, that of '{name}' is blocking"
            : WhyOtherHeader(configuration, taps[queue], name, (flags & TapFlags.Headers) != 0);
        return reason is null ? new(name, (flags & TapFlags.Headers) != 0) : throw Unfit(configuration, queue, reason);
    }

    private static string? WhyOtherHeader(TapNetdevConfiguration configuration, SafeFileHandle tap, string name, bool hasHeaders)
    {
        if (configuration.VnetHeader is { } wanted && wanted != hasHeaders)
        {
            return wanted
                ? $"frames with virtio headers are expected (vnet_hdr=on), those of '{name}' have none: open it with IFF_VNET_HDR"
                : $"frames without virtio headers are expected (vnet_hdr=off), those of '{name}' have them";
        }

        return hasHeaders && TapDevice.HeaderSizeOf(tap) is var size && size != HeaderSize
            ? string.Create(CultureInfo.InvariantCulture, $"virtio headers of {HeaderSize} bytes are expected, those of '{name}' have {size}")
            : null;
    }

    private static string Kind(TapDescription found) => found.HasHeaders ? " with virtio headers" : " without virtio headers";

    private static NetException Unfit(TapNetdevConfiguration configuration, int queue, string reason) =>
        new(string.Create(CultureInfo.InvariantCulture, $"netdev '{configuration.Id}', queue {queue}: {reason}"));
}
