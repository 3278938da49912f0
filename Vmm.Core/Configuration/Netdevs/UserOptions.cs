using Vmm.Core.Backends.Net;

namespace Vmm.Core.Configuration.Netdevs;

/// <summary>A network without privileges as it was asked for.</summary>
/// <param name="Id">Its id.</param>
public sealed record UserOptions(string Id) : NetdevOptions(Id)
{
    /// <summary>ipv4.</summary>
    public bool? Ipv4 { get; init; }

    /// <summary>ipv6.</summary>
    public bool? Ipv6 { get; init; }

    /// <summary>net: the guest's network.</summary>
    public string? Network { get; init; }

    /// <summary>host: the host's address in it.</summary>
    public string? Host { get; init; }

    /// <summary>dhcpstart: the guest's address in it.</summary>
    public string? DhcpStart { get; init; }

    /// <summary>dns: the address at which the guest finds the host's name server.</summary>
    public string? Dns { get; init; }

    /// <summary>ipv6-dns: the same by IPv6.</summary>
    public string? Ipv6Dns { get; init; }

    /// <summary>dnssearch: the domains in which names without one are looked up.</summary>
    public IReadOnlyList<string> DnsSearch { get; init; } = [];

    /// <summary>hostfwd: the ports of the host that lead to the guest.</summary>
    public IReadOnlyList<string> HostForwards { get; init; } = [];

    /// <summary>restrict: only off.</summary>
    public bool? Restrict { get; init; }

    /// <inheritdoc/>
    public override string Kind => UserNetdevConfiguration.Name;

    /// <inheritdoc/>
    protected override IEnumerable<(string Key, string? Value)> Keys =>
    [
        ("ipv4", Switch(Ipv4)),
        ("ipv6", Switch(Ipv6)),
        ("net", Network),
        ("host", Host),
        ("dhcpstart", DhcpStart),
        ("dns", Dns),
        ("ipv6-dns", Ipv6Dns),
        .. DnsSearch.Select(domain => ("dnssearch", (string?)domain)),
        .. HostForwards.Select(rule => ("hostfwd", (string?)rule)),
    ];

    /// <inheritdoc/>
    public override NetdevConfiguration ToNetdev() => new UserNetdevConfiguration(Id) { Arguments = PasstArguments.Of(this) };
}
