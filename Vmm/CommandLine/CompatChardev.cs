// The short way to name a back end: -serial, -debugcon, -monitor and -qmp take a DEV, and the chardev that it stands for
// comes into being with a label of QEMU's choosing (serial0, debugcon, compat_monitor0), under which query-chardev shows it.
//
//   mon:DEV, with a monitor beside the device (Ctrl-A c), and DEV one of
//   null  stdio  pty[:LINK]  file:PATH  unix:PATH[,server=on|off][,wait=on|off]  tcp:HOST:PORT[,server=on|off][,wait=on|off]
//
// A monitor needs input and output, so it takes stdio and sockets only. TCP is not for monitors: a port does not say who connects to it.

using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>Reads the DEV forms that make a chardev.</summary>
internal static class CompatChardev
{
    private const string ForDevices = "expected none, null, stdio, pty, file:PATH, unix:PATH[,server=on][,wait=off], tcp:HOST:PORT[,server=on][,wait=off], mon:DEV or chardev:ID";
    private const string ForMonitors = "expected none, stdio, unix:PATH[,server=on][,wait=off] or chardev:ID";

    /// <summary>Makes the chardev that <paramref name="device"/> stands for.</summary>
    /// <param name="label">The chardev's id.</param>
    /// <param name="device">DEV, other than none and chardev:ID.</param>
    /// <param name="isForMonitor">Whether a monitor will use it.</param>
    internal static ChardevConfiguration Read(string label, string device, bool isForMonitor)
    {
        var expected = isForMonitor ? ForMonitors : ForDevices;
        var chardev = Read(label, device, expected);
        return !isForMonitor || chardev is StdioChardevConfiguration or SocketChardevConfiguration { Host: null }
            ? chardev
            : throw new CommandLineException($"'{device}' is no back end of a monitor: {expected}");
    }

    /// <summary>Makes the mux that mon:DEV stands for. On standard input and output, Ctrl-C is for the guest.</summary>
    /// <param name="label">The chardev's id.</param>
    /// <param name="device">DEV.</param>
    internal static ChardevConfiguration ReadMux(string label, string device)
    {
        var chardev = Read(label, device, isForMonitor: false) with { Mux = true };
        return chardev is StdioChardevConfiguration stdio ? stdio with { Signal = false } : chardev;
    }

    private static ChardevConfiguration Read(string label, string device, string expected)
    {
        var colon = device.IndexOf(':', StringComparison.Ordinal);
        var rest = device[(colon + 1)..];
        return (colon < 0 ? device : device[..(colon + 1)]) switch
        {
            "null" => new NullChardevConfiguration(label),
            "stdio" => new StdioChardevConfiguration(label),
            "pty" => new PtyChardevConfiguration(label, null),
            "pty:" when rest.Length > 0 => new PtyChardevConfiguration(label, rest),
            "file:" when rest.Length > 0 => new FileChardevConfiguration(label, rest, Append: false),
            "unix:" => ReadUnix(label, rest),
            "tcp:" => ReadTcp(label, rest),
            "udp:" or "telnet:" or "websocket:" or "vc:" or "vc" =>
                throw new CommandLineException($"'{device}' is not supported: {expected}"),
            _ => throw new CommandLineException($"'{device}' is no character device: {expected}"),
        };
    }

    private static SocketChardevConfiguration ReadUnix(string label, string rest)
    {
        var options = OptionList.ParseAfterValue(rest, "path");
        var socket = SocketOption.Read(label, options);
        options.Finish();
        return socket;
    }

    private static SocketChardevConfiguration ReadTcp(string label, string rest)
    {
        var options = SocketOption.ParseTcp(rest);
        var socket = SocketOption.Read(label, options);
        options.Finish();
        return socket;
    }
}
