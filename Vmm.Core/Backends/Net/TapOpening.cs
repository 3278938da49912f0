// How the descriptors of a tap come to be, for a guest that boots here: opened by the interface's name, or inherited from the program that started this one.
//
// The kernel answers most of what can be wrong with one number (EINVAL), so the interface is looked at to say which it is. Several descriptors belong to one
// interface only if it was made for several; the first of them decides its name where the kernel chooses it.

using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Net;

/// <summary>Opens taps.</summary>
internal static class TapOpening
{
    private const string ChosenByKernel = "tap%d";

    /// <summary>Opens the queues of an interface by its name; the interface is made if it is not there.</summary>
    /// <exception cref="NetException">The host refuses, or what is there is not what was asked for.</exception>
    internal static SafeFileHandle[] Open(TapNetdevConfiguration configuration)
    {
        string name = configuration.InterfaceName ?? ChosenByKernel;
        if (Encoding.UTF8.GetByteCount(name) > TapDevice.LongestName)
        {
            throw new NetException($"netdev '{configuration.Id}': the interface's name '{name}' is too long: expected at most {TapDevice.LongestName} bytes");
        }

        var taps = new List<SafeFileHandle>();
        try
        {
            while (taps.Count < configuration.Queues)
            {
                taps.Add(OpenDevice(configuration));
                name = Attach(configuration, taps[^1], name, taps.Count - 1);
                Prepare(configuration, taps[^1], name, limitsSending: true);
            }

            return [.. taps];
        }
        catch
        {
            taps.ForEach(static tap => tap.Dispose());
            throw;
        }
    }

    /// <summary>Takes descriptors over that this program was started with, or was given. They are this back end's from here on.</summary>
    /// <exception cref="NetException">One is not what it is said to be.</exception>
    internal static SafeFileHandle[] Inherit(TapNetdevConfiguration configuration)
    {
        if (configuration.Descriptors.Count != configuration.Queues)
        {
            throw new NetException(string.Create(
                CultureInfo.InvariantCulture,
                $"netdev '{configuration.Id}': {configuration.Descriptors.Count} descriptors are given for {configuration.Queues} queues: expected one for each"));
        }

        var taps = new List<SafeFileHandle>();
        try
        {
            foreach (string text in configuration.Descriptors)
            {
                int number = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int parsed)
                    ? parsed
                    : throw new NetException($"netdev '{configuration.Id}': '{text}' is no number of a descriptor");
                taps.Add(Inherit(configuration, number));
            }

            return [.. taps];
        }
        catch
        {
            taps.ForEach(static tap => tap.Dispose());
            foreach (string next in configuration.Descriptors.Skip(taps.Count + 1))
            {
                Discard(next);
            }

            throw;
        }
    }

    /// <summary>Closes a tap that was given to this back end, which owns it.</summary>
    private static void Discard(string descriptor)
    {
        if (int.TryParse(descriptor, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
        {
            using var borrowed = new SafeFileHandle(number, ownsHandle: false);
            if (TapDevice.Ask(borrowed) is not null)
            {
                new SafeFileHandle(number, ownsHandle: true).Dispose();
            }
        }
    }

    private static SafeFileHandle Inherit(TapNetdevConfiguration configuration, int number)
    {
        // What is no tap stays as it is: it may be anything of this process's own.
        using var borrowed = new SafeFileHandle(number, ownsHandle: false);
        if (TapDevice.Ask(borrowed) is not { } asked)
        {
            throw new NetException($"netdev '{configuration.Id}': descriptor {number} is no queue of a tap interface: expected one that is open, of {TapDevice.Path}");
        }

        var tap = new SafeFileHandle(number, ownsHandle: true);
        try
        {
            FileDescriptor.MakePrivate(tap);
            if ((asked.Flags & (TapFlags.Headers | TapFlags.Tap)) == (TapFlags.Headers | TapFlags.Tap))
            {
                SetHeader(configuration, tap, asked.Name);
            }

            return tap;
        }
        catch (PosixException e)
        {
            tap.Dispose();
            throw new NetException($"netdev '{configuration.Id}': descriptor {number}, of interface '{asked.Name}': {e.Message}", e);
        }
        catch
        {
            tap.Dispose();
            throw;
        }
    }

    private static SafeFileHandle OpenDevice(TapNetdevConfiguration configuration)
    {
        try
        {
            return TapDevice.Open();
        }
        catch (PosixException e)
        {
            throw new NetException(
                $"netdev '{configuration.Id}': could not open {TapDevice.Path}: {e.Reason}: expected a kernel with tun, and the right to use it", e);
        }
    }

    private static string Attach(TapNetdevConfiguration configuration, SafeFileHandle tap, string name, int queue)
    {
        try
        {
            var features = TapDevice.FeaturesOf(tap);
            if (configuration.VnetHeader == true && (features & TapFlags.Headers) == 0)
            {
                throw new NetException($"netdev '{configuration.Id}': vnet_hdr=on requested, but no kernel support for IFF_VNET_HDR available");
            }

            if (configuration.Queues > 1 && (features & TapFlags.MultiQueue) == 0)
            {
                throw new NetException($"netdev '{configuration.Id}': multiqueue required, but no kernel support for IFF_MULTI_QUEUE available");
            }

            var flags = TapFlags.Tap | TapFlags.NoPacketInformation
                | (configuration.VnetHeader != false ? features & TapFlags.Headers : TapFlags.None)
                | (configuration.Queues > 1 ? TapFlags.MultiQueue : TapFlags.None);
            return TapDevice.Attach(tap, name, flags);
        }
        catch (PosixException e)
        {
            throw new NetException($"netdev '{configuration.Id}': could not configure {TapDevice.Path} ({name}): {WhyRefused(configuration, name, queue, e)}", e);
        }
    }

    private static string WhyRefused(TapNetdevConfiguration configuration, string name, int queue, PosixException refusal)
    {
        const int NotPermitted = 1; // EPERM
        const int TooMany = 7; // E2BIG
        const int Busy = 16; // EBUSY
        const int Invalid = 22; // EINVAL
        var kind = HostInterface.KindOf(name);
        return refusal.Errno switch
        {
            NotPermitted when kind is null => "this process may not make interfaces: expected CAP_NET_ADMIN, or the name of a tap that was made for its user",
            NotPermitted => "this process may not use this interface: expected CAP_NET_ADMIN, or a tap that was made for its user",
            Busy => configuration.Queues > 1 ? "another program has it open" : "another program has it open, and it was made with one queue",
            TooMany => string.Create(CultureInfo.InvariantCulture, $"the interface has no room for queue {queue}"),
            Invalid when kind is { Driver: not "tun" } other => $"an interface of driver '{other.Driver}' has this name: expected a tap interface",
            Invalid when kind is { Bus: "tun" } => "a tun interface has this name, which has no Ethernet frames: expected a tap interface",
            Invalid when kind is not null && configuration.Queues > 1 =>
                string.Create(CultureInfo.InvariantCulture, $"the interface was made with one queue, and queues={configuration.Queues} are asked for: expected one made with multi_queue, or queues=1"),
            Invalid when kind is not null => "the interface was made for several queues (multi_queue), and one is asked for: expected queues=2 or more, or one made without multi_queue",
            Invalid => $"'{name}' is no name for an interface",
            _ => refusal.Reason,
        };
    }

    /// <summary>Sets what the interface, or this descriptor, has to be before the guest uses it: no driver takes frames yet that are not whole.</summary>
    private static void Prepare(TapNetdevConfiguration configuration, SafeFileHandle tap, string name, bool limitsSending)
    {
        try
        {
            if ((TapDevice.Ask(tap)?.Flags & TapFlags.Headers) == TapFlags.Headers)
            {
                SetHeader(configuration, tap, name);
            }

            if (limitsSending)
            {
                TapDevice.LimitSending(tap, configuration.SendBuffer is > 0 and <= int.MaxValue and var bytes ? (int)bytes : int.MaxValue);
            }
        }
        catch (PosixException e)
        {
            throw new NetException($"netdev '{configuration.Id}': interface '{name}': {e.Message}", e);
        }
    }

    private static void SetHeader(TapNetdevConfiguration configuration, SafeFileHandle tap, string name)
    {
        TapDevice.SetHeader(tap, TapDescription.HeaderSize);
        if (TapDevice.TrySetOffloads(tap, (uint)NetOffloads.All) != 0 || TapDevice.TrySetOffloads(tap, (uint)NetOffloads.None) != 0)
        {
            throw new NetException(
                $"netdev '{configuration.Id}': interface '{name}' has virtio headers without all offloads: expected a kernel that has them, or vnet_hdr=off");
        }
    }
}
