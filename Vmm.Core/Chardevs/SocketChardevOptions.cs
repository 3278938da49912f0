namespace Vmm.Core.Chardevs;

/// <summary>Which socket a <see cref="SocketChardev"/> is about: exactly one of a path, a TCP address and an inherited descriptor.</summary>
public sealed record SocketChardevOptions
{
    /// <summary>The path to listen on or to connect to; a name where <see cref="Abstract"/>.</summary>
    public string? Path { get; init; }

    /// <summary>Whether <see cref="Path"/> is a name in the abstract name space.</summary>
    public bool Abstract { get; init; }

    /// <summary>Whether an abstract name is as long as it is, and not padded with zero bytes.</summary>
    public bool Tight { get; init; } = true;

    /// <summary>The TCP address to listen on or to connect to.</summary>
    public TcpAddress? Tcp { get; init; }

    /// <summary>For a TCP server: the last port to try if those before are taken; 0 for the one port.</summary>
    public int LastPort { get; init; }

    /// <summary>For TCP: whether small pieces are sent at once.</summary>
    public bool NoDelay { get; init; }

    /// <summary>An inherited descriptor: a listening socket for a server, else a connected one.</summary>
    public int? Descriptor { get; init; }

    /// <summary>Whether we listen (true) or connect (false).</summary>
    public bool Server { get; init; }

    /// <summary>For a server: whether a machine does not start before the first client is there.</summary>
    public bool Wait { get; init; }

    /// <summary>For a client: the time between attempts to connect (again); zero connects once, and a failure of that is an error.</summary>
    public TimeSpan Reconnect { get; init; }
}
