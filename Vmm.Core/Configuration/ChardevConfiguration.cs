// A chardev is the host's end of a line of bytes: a file, a terminal, a socket. A device (serial port, debug console) or a
// monitor is its front end and names it by id; at most one front end uses a chardev, unless it is a mux.

namespace Vmm.Core.Configuration;

/// <summary>A character back end.</summary>
/// <param name="Id">Its id, unique among chardevs; query-chardev calls it the label.</param>
public abstract record ChardevConfiguration(string Id)
{
    /// <summary>Every kind of back end that there is: what -chardev takes, -chardev help lists and introspection shows.</summary>
    public static IReadOnlyList<string> Backends { get; } =
    [
        NullChardevConfiguration.Name,
        StdioChardevConfiguration.Name,
        FileChardevConfiguration.Name,
        PtyChardevConfiguration.Name,
        SocketChardevConfiguration.Name,
        RingbufChardevConfiguration.Name,
        RingbufChardevConfiguration.Alias,
    ];

    /// <summary>A file that keeps all output, beside where it goes; null for none.</summary>
    public string? LogFile { get; init; }

    /// <summary>Whether <see cref="LogFile"/>'s contents are kept; false truncates it when the back end is opened.</summary>
    public bool LogAppend { get; init; }

    /// <summary>Whether several front ends may use it (mux=on).</summary>
    public bool Mux { get; init; }

    /// <summary>How many monitors use it.</summary>
    public int Monitors { get; init; }

    /// <summary>Whether nothing uses it: no monitor, and no device.</summary>
    /// <param name="usedByDevices">The ids of those that devices use.</param>
    public bool IsSpare(IEnumerable<string> usedByDevices) => Monitors == 0 && !usedByDevices.Contains(Id);

    /// <summary>The back end's kind as QEMU spells it; one of <see cref="Backends"/>.</summary>
    public abstract string Backend { get; }

    /// <summary>The type of object that it is, as QEMU spells it.</summary>
    public string TypeName => TypeNameOf(Backend);

    /// <summary>The type of object that a kind of back end is.</summary>
    public static string TypeNameOf(string backend) => $"chardev-{backend}";
}

/// <summary>A back end that discards output and never has input.</summary>
/// <param name="Id">Its id.</param>
public sealed record NullChardevConfiguration(string Id) : ChardevConfiguration(Id)
{
    /// <summary>Its kind.</summary>
    public const string Name = "null";

    /// <inheritdoc/>
    public override string Backend => Name;
}

/// <summary>The process's standard input and output; there is at most one.</summary>
/// <param name="Id">Its id.</param>
public sealed record StdioChardevConfiguration(string Id) : ChardevConfiguration(Id)
{
    /// <summary>Whether the terminal's Ctrl-C still raises SIGINT in the process (true) or goes to the front end as a byte (false).</summary>
    public bool Signal { get; init; } = true;

    /// <summary>Its kind.</summary>
    public const string Name = "stdio";

    /// <inheritdoc/>
    public override string Backend => Name;
}

/// <summary>Output to a file.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Path">The file's path.</param>
/// <param name="Append">Whether the file's contents are kept; false truncates it when the back end is opened.</param>
public sealed record FileChardevConfiguration(string Id, string Path, bool Append) : ChardevConfiguration(Id)
{
    /// <summary>Its kind.</summary>
    public const string Name = "file";

    /// <inheritdoc/>
    public override string Backend => Name;
}

/// <summary>A pseudo-terminal made for the purpose.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Path">Path of a symbolic link to make to the terminal; null for none.</param>
public sealed record PtyChardevConfiguration(string Id, string? Path) : ChardevConfiguration(Id)
{
    /// <summary>Its kind.</summary>
    public const string Name = "pty";

    /// <inheritdoc/>
    public override string Backend => Name;
}

/// <summary>A stream socket, named by exactly one of <see cref="Path"/>, <see cref="Host"/> with <see cref="Port"/>, and <see cref="Descriptor"/>.</summary>
/// <param name="Id">Its id.</param>
public sealed record SocketChardevConfiguration(string Id) : ChardevConfiguration(Id)
{
    /// <summary>Path to listen on or to connect to; a name where <see cref="Abstract"/>.</summary>
    public string? Path { get; init; }

    /// <summary>Whether <see cref="Path"/> is a name in the abstract name space.</summary>
    public bool Abstract { get; init; }

    /// <summary>Whether an abstract name is as long as it is, and not padded with zero bytes.</summary>
    public bool Tight { get; init; } = true;

    /// <summary>TCP host to listen on or to connect to: an IP address, localhost, or nothing, which is all addresses of the host.</summary>
    public string? Host { get; init; }

    /// <summary>TCP port.</summary>
    public int Port { get; init; }

    /// <summary>For a TCP server: the last port to try if those before are taken; 0 for the one port.</summary>
    public int LastPort { get; init; }

    /// <summary>Whether IPv4 may be used; null as <see cref="Ipv6"/> says, or both.</summary>
    public bool? Ipv4 { get; init; }

    /// <summary>Whether IPv6 may be used; null as <see cref="Ipv4"/> says, or both.</summary>
    public bool? Ipv6 { get; init; }

    /// <summary>For TCP: whether small pieces are sent at once.</summary>
    public bool NoDelay { get; init; }

    /// <summary>For a client: milliseconds between attempts to connect (again); 0 connects once.</summary>
    public long ReconnectMilliseconds { get; init; }

    /// <summary>An inherited descriptor: a listening socket if <see cref="Server"/>, else a connected one.</summary>
    public int? Descriptor { get; init; }

    /// <summary>Whether we listen (true) or connect (false).</summary>
    public bool Server { get; init; }

    /// <summary>Whether the machine's start waits for the first client; only with <see cref="Server"/>.</summary>
    public bool Wait { get; init; }

    /// <summary>Its kind.</summary>
    public const string Name = "socket";

    /// <inheritdoc/>
    public override string Backend => Name;
}

/// <summary>A ring buffer that keeps the guest's latest output for a management client.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Size">How many bytes it keeps, a power of two.</param>
public sealed record RingbufChardevConfiguration(string Id, ulong Size = RingbufChardevConfiguration.DefaultSize) : ChardevConfiguration(Id)
{
    /// <summary>Its kind.</summary>
    public const string Name = "ringbuf";

    /// <summary>Its former kind, which is still taken.</summary>
    public const string Alias = "memory";

    /// <summary>The bytes of a ring whose size is not given.</summary>
    public const ulong DefaultSize = 65536;

    /// <summary>Whether it was called by its former kind.</summary>
    public bool IsAlias { get; init; }

    /// <inheritdoc/>
    public override string Backend => IsAlias ? Alias : Name;
}
