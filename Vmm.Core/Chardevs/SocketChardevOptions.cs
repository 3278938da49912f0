namespace Vmm.Core.Chardevs;

/// <summary>Which socket a <see cref="SocketChardev"/> is about: exactly one of a path and an inherited descriptor.</summary>
public sealed record SocketChardevOptions
{
    /// <summary>The path to listen on or to connect to.</summary>
    public string? Path { get; init; }

    /// <summary>An inherited descriptor: a listening socket for a server, else a connected one.</summary>
    public int? Descriptor { get; init; }

    /// <summary>Whether we listen (true) or connect (false).</summary>
    public bool Server { get; init; }

    /// <summary>For a server: whether a machine does not start before the first client is there.</summary>
    public bool Wait { get; init; }

    /// <summary>For a client: seconds between attempts to connect (again); 0 connects once, and a failure of that is an error.</summary>
    public int ReconnectSeconds { get; init; }
}
