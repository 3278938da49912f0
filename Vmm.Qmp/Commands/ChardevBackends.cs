// Character back ends between the schema's form, chardev-add's, and the machine's, which -chardev has too.

using System.Globalization;
using System.Net;
using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>Character back ends as chardev-add describes them.</summary>
internal static class ChardevBackends
{
    /// <summary>Reads a back end. A socket that getfd named gets its descriptor later (<see cref="NameOfSocket"/>).</summary>
    /// <exception cref="ChardevException">It asks for what is not supported.</exception>
    internal static ChardevConfiguration FromQapi(string id, ChardevBackend backend)
    {
        ChardevConfiguration chardev = backend switch
        {
            ChardevBackendNull => new NullChardevConfiguration(id),
            ChardevBackendStdio stdio => new StdioChardevConfiguration(id) { Signal = stdio.Data.Data.Signal ?? true },
            ChardevBackendPty pty => new PtyChardevConfiguration(id, pty.Data.Data.Path),
            ChardevBackendFile { Data.Data.In: not null } => throw new ChardevException("'in' is not supported: expected out alone, or a pty or socket for input"),
            ChardevBackendFile file => new FileChardevConfiguration(id, file.Data.Data.Out, file.Data.Data.Append ?? false),
            ChardevBackendSocket socket => ReadSocket(id, socket.Data.Data),
            ChardevBackendRingbuf ring => new RingbufChardevConfiguration(id, SizeOf(ring.Data.Data)),
            ChardevBackendMemory ring => new RingbufChardevConfiguration(id, SizeOf(ring.Data.Data)) { IsAlias = true },
            _ => throw new InvalidOperationException($"the schema has a back end that is unknown here: {backend.GetType().Name}"),
        };
        var (logFile, append) = LogOf(backend);
        return chardev with { LogFile = logFile, LogAppend = append ?? false };
    }

    /// <summary>The name, given to getfd, of the descriptor that a back end is to have; null if it has none.</summary>
    internal static string? NameOfSocket(ChardevBackend backend) =>
        backend is ChardevBackendSocket { Data.Data.Addr: SocketAddressLegacyFd fd } ? fd.Data.Data.Str : null;

    /// <summary>The same back end as chardev-add describes it.</summary>
    /// <exception cref="ChardevException">That cannot describe it.</exception>
    internal static ChardevBackend ToQapi(ChardevConfiguration chardev)
    {
        string? log = chardev.LogFile;
        bool? append = chardev.LogAppend ? true : null;
        return chardev switch
        {
            { Mux: true } => throw new ChardevException("mux=on is not supported here: expected a back end with one front end, or -chardev with mux=on"),
            SocketChardevConfiguration { Descriptor: not null } => throw new ChardevException("fd= is not supported here: expected path=, host=, or chardev-add in QMP after getfd"),
            NullChardevConfiguration => new ChardevBackendNull { Data = new() { Data = new() { Logfile = log, Logappend = append } } },
            StdioChardevConfiguration stdio => new ChardevBackendStdio { Data = new() { Data = new() { Logfile = log, Logappend = append, Signal = stdio.Signal } } },
            PtyChardevConfiguration pty => new ChardevBackendPty { Data = new() { Data = new() { Logfile = log, Logappend = append, Path = pty.Path } } },
            FileChardevConfiguration file => new ChardevBackendFile
            {
                Data = new() { Data = new() { Logfile = log, Logappend = append, Out = file.Path, Append = file.Append } },
            },
            RingbufChardevConfiguration ring => WriteRing(ring, new() { Data = new() { Logfile = log, Logappend = append, Size = (long)ring.Size } }),
            SocketChardevConfiguration socket => new ChardevBackendSocket
            {
                Data = new()
                {
                    Data = new()
                    {
                        Logfile = log,
                        Logappend = append,
                        Addr = WriteAddress(socket),
                        Server = socket.Server,
                        Wait = socket.Server ? socket.Wait : null,
                        Nodelay = socket.NoDelay,
                        ReconnectMs = socket.ReconnectMilliseconds > 0 ? socket.ReconnectMilliseconds : null,
                    },
                },
            },
            _ => throw new InvalidOperationException($"a back end that the schema does not have: {chardev.Backend}"),
        };
    }

    private static ChardevBackend WriteRing(RingbufChardevConfiguration ring, ChardevRingbufWrapper data) =>
        ring.IsAlias ? new ChardevBackendMemory { Data = data } : new ChardevBackendRingbuf { Data = data };

    private static (string? File, bool? Append) LogOf(ChardevBackend backend) => backend switch
    {
        ChardevBackendNull none => (none.Data.Data.Logfile, none.Data.Data.Logappend),
        ChardevBackendStdio stdio => (stdio.Data.Data.Logfile, stdio.Data.Data.Logappend),
        ChardevBackendPty pty => (pty.Data.Data.Logfile, pty.Data.Data.Logappend),
        ChardevBackendFile file => (file.Data.Data.Logfile, file.Data.Data.Logappend),
        ChardevBackendSocket socket => (socket.Data.Data.Logfile, socket.Data.Data.Logappend),
        ChardevBackendRingbuf ring => (ring.Data.Data.Logfile, ring.Data.Data.Logappend),
        ChardevBackendMemory ring => (ring.Data.Data.Logfile, ring.Data.Data.Logappend),
        _ => default,
    };

    private static ulong SizeOf(ChardevRingbuf ring) => ring.Size switch
    {
        null => RingbufChardevConfiguration.DefaultSize,
        < 0 => throw new ChardevException("size of ringbuf chardev must be power of two"),
        { } size => (ulong)size,
    };

    private static SocketChardevConfiguration ReadSocket(string id, ChardevSocket socket)
    {
        bool server = socket.Server ?? true;
        if (socket is { Telnet: true } or { Tn3270: true } or { Websocket: true })
        {
            throw new ChardevException("telnet, tn3270 and websocket are not supported: expected a plain socket, without them");
        }

        if (socket.TlsCreds is not null || socket.TlsAuthz is not null)
        {
            throw new ChardevException("TLS is not supported: expected a plain socket, without tls-creds and tls-authz");
        }

        if (socket is { Reconnect: not null, ReconnectMs: not null })
        {
            throw new ChardevException("'reconnect' and 'reconnect-ms' are mutually exclusive");
        }

        // A guest that was started waits for no client, so wait is no part of what there is.
        return socket is { Wait: true, Server: false } ? throw new ChardevException("'wait' option is incompatible with socket in client connect mode")
            : At(socket.Addr, new SocketChardevConfiguration(id)
            {
                Server = server,
                NoDelay = socket.Nodelay ?? false,
                ReconnectMilliseconds = socket.ReconnectMs ?? Milliseconds(socket.Reconnect ?? 0),
            });
    }

    private static long Milliseconds(long seconds)
    {
        const long Second = 1000;
        return seconds is >= 0 and <= int.MaxValue ? seconds * Second : throw new ChardevException($"Parameter 'reconnect' expects 0 to {int.MaxValue}, not {seconds}");
    }

    private static SocketChardevConfiguration At(SocketAddressLegacy address, SocketChardevConfiguration socket) => address switch
    {
        SocketAddressLegacyUnix { Data.Data: var unix } => socket with { Path = unix.Path, Abstract = unix.Abstract ?? false, Tight = unix.Tight ?? true },
        SocketAddressLegacyInet { Data.Data.KeepAlive: true } => throw new ChardevException("'keep-alive' is not supported: expected false"),
        SocketAddressLegacyInet { Data.Data: var inet } => socket with
        {
            Host = inet.Host,
            Port = int.TryParse(inet.Port, NumberStyles.None, CultureInfo.InvariantCulture, out int port)
                ? port
                : throw new ChardevException($"Parameter 'port' expects a number from 0 to {IPEndPoint.MaxPort}, not '{inet.Port}'"),
            LastPort = socket.Server ? inet.To ?? 0 : 0,
            Ipv4 = inet.Ipv4,
            Ipv6 = inet.Ipv6,
        },
        SocketAddressLegacyFd => socket with { Descriptor = 0 },
        _ => throw new ChardevException("vsock is not supported: expected unix, inet or fd"),
    };

    private static SocketAddressLegacy WriteAddress(SocketChardevConfiguration socket) => socket switch
    {
        { Host: { } host } => new SocketAddressLegacyInet
        {
            Data = new()
            {
                Data = new()
                {
                    Host = host,
                    Port = socket.Port.ToString(CultureInfo.InvariantCulture),
                    To = socket.LastPort > 0 ? (ushort)socket.LastPort : null,
                    Ipv4 = socket.Ipv4,
                    Ipv6 = socket.Ipv6,
                },
            },
        },
        _ => new SocketAddressLegacyUnix { Data = new() { Data = new() { Path = socket.Path!, Abstract = socket.Abstract, Tight = socket.Tight } } },
    };
}
