using Microsoft.Extensions.Logging;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Loop;

namespace Vmm.Core.Machines;

/// <summary>Makes back ends from their configuration. What is made has touched nothing yet.</summary>
public static class ChardevFactory
{
    /// <summary>Makes one back end that several front ends may use, if its configuration says so.</summary>
    /// <param name="configuration">Its configuration.</param>
    /// <param name="loop">The loop that serves it.</param>
    /// <param name="log">Where lost bytes and clients are reported.</param>
    /// <param name="escape">The key that begins a command to a mux.</param>
    /// <param name="exit">Ends the program, on the mux's exit key; any thread, never waits.</param>
    internal static Chardev Create(ChardevConfiguration configuration, EventLoop loop, ILogger log, byte escape, Action exit) =>
        !configuration.Mux ? Create(configuration, loop, log)
        : new MuxChardev(Create(configuration with { LogFile = null }, loop, log), loop, escape, exit, configuration.Monitors) { Log = LogOf(configuration, log) };

    /// <summary>Makes one back end.</summary>
    /// <param name="configuration">Its configuration.</param>
    /// <param name="loop">The loop that serves it.</param>
    /// <param name="log">Where lost bytes and clients are reported.</param>
    /// <param name="gate">The lock of the back end whose place it will take; null makes one.</param>
    public static Chardev Create(ChardevConfiguration configuration, EventLoop loop, ILogger log, Lock? gate = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var outputLog = LogOf(configuration, log);
        return configuration switch
        {
            NullChardevConfiguration => new NullChardev(configuration.Id, loop, gate) { Log = outputLog },
            StdioChardevConfiguration stdio => new StdioChardev(stdio.Id, loop, stdio.Signal, log, gate) { Log = outputLog },
            FileChardevConfiguration file => new FileChardev(file.Id, loop, file.Path, file.Append, log, gate) { Log = outputLog },
            PtyChardevConfiguration pty => new PtyChardev(pty.Id, loop, pty.Path, log, gate) { Log = outputLog },
            SocketChardevConfiguration socket => new SocketChardev(socket.Id, loop, OptionsOf(socket), log, gate) { Log = outputLog },
            RingbufChardevConfiguration ring => new RingbufChardev(ring.Id, loop, ring.Size, ring.Backend, log, gate) { Log = outputLog },
            _ => throw new MachineException($"chardev '{configuration.Id}': back end '{configuration.Backend}' is unknown"),
        };
    }

    /// <summary>Which socket a configuration is about.</summary>
    public static SocketChardevOptions OptionsOf(SocketChardevConfiguration socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        return new SocketChardevOptions
        {
            Path = socket.Path,
            Abstract = socket.Abstract,
            Tight = socket.Tight,
            Tcp = socket.Host is { } host
                ? TcpAddress.TryMake(host, socket.Port, socket.Ipv4, socket.Ipv6) ?? throw new MachineException($"chardev '{socket.Id}': '{host}' is no address to use")
                : null,
            LastPort = socket.LastPort,
            NoDelay = socket.NoDelay,
            Descriptor = socket.Descriptor,
            Server = socket.Server,
            Wait = socket.Wait,
            Reconnect = TimeSpan.FromMilliseconds(socket.ReconnectMilliseconds),
        };
    }

    private static OutputLog? LogOf(ChardevConfiguration configuration, ILogger log) =>
        configuration.LogFile is { } path ? new OutputLog(configuration.Id, path, configuration.LogAppend, log) : null;
}
