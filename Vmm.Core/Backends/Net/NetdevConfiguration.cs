// A netdev is the host's end of a network cable; a network device is the guest's, and names it by id. As with chardevs, what it leads to is the host's
// affair: the guest sees the device, its MAC address, its offloads.

using Vmm.Core.Chardevs;

namespace Vmm.Core.Backends.Net;

/// <summary>A network back end as -netdev describes it.</summary>
/// <param name="Id">Its id, unique among netdevs.</param>
public abstract record NetdevConfiguration(string Id)
{
    /// <summary>Its kind as QEMU spells it: tap, stream, user.</summary>
    public abstract string Kind { get; }
}

/// <summary>A tap interface of the host, named by exactly one of <see cref="InterfaceName"/> and <see cref="Descriptors"/>, or made with a name of the kernel's choice.</summary>
/// <param name="Id">Its id.</param>
public sealed record TapNetdevConfiguration(string Id) : NetdevConfiguration(Id)
{
    /// <summary>Its kind.</summary>
    public const string Name = "tap";

    /// <inheritdoc/>
    public override string Kind => Name;

    /// <summary>The interface (ifname); null where <see cref="Descriptors"/> are given, or for a name that the kernel chooses (tap%d).</summary>
    public string? InterfaceName { get; init; }

    /// <summary>Inherited open descriptors of it (fd, fds), by number or by the name that getfd gave; one for each queue. Empty where there are none.</summary>
    public IReadOnlyList<string> Descriptors { get; init; } = [];

    /// <summary>How many pairs of queues it has (queues), at least 1.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>Whether frames have a virtio header (vnet_hdr): null if they do where the host can.</summary>
    public bool? VnetHeader { get; init; }

    /// <summary>How many bytes the host may queue for the interface (sndbuf); null without a limit.</summary>
    public ulong? SendBuffer { get; init; }

    /// <summary>Program that is run with the interface's name once it is open (script); null for none ("no").</summary>
    public string? Script { get; init; }

    /// <summary>Program that is run with the interface's name before it is closed (downscript); null for none ("no").</summary>
    public string? DownScript { get; init; }
}

/// <summary>A stream socket, on which each frame follows its length in four bytes, big-endian.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Socket">Where it is; nothing waits for a server's first client.</param>
public sealed record StreamNetdevConfiguration(string Id, SocketChardevOptions Socket) : NetdevConfiguration(Id)
{
    /// <summary>Its kind.</summary>
    public const string Name = "stream";

    /// <inheritdoc/>
    public override string Kind => Name;
}

/// <summary>A network without privileges: a stream to a passt of its own.</summary>
/// <param name="Id">Its id.</param>
public sealed record UserNetdevConfiguration(string Id) : NetdevConfiguration(Id)
{
    /// <summary>Its kind.</summary>
    public const string Name = "user";

    /// <inheritdoc/>
    public override string Kind => Name;

    /// <summary>passt's own arguments, from the options of -netdev user.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];
}
