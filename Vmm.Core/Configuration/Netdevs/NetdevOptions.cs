// A network back end as an operator or a client asks for it, before it is known to make sense: in the words of -netdev, which netdev_add has too. What
// becomes of it (ToNetdev) is what the back ends are made from.
//
//     -netdev, -nic  --> NetdevOptions --> ToNetdev: the rules, QEMU's words for what is wrong
//     netdev_add     -->               --> Text: what the command line of the next process needs

using Vmm.Core.Backends.Net;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Configuration.Netdevs;

/// <summary>A network back end as it was asked for.</summary>
/// <param name="Id">Its id.</param>
public abstract record NetdevOptions(string Id)
{
    /// <summary>The kinds that there are, as -netdev and netdev_add name them.</summary>
    public static IReadOnlyList<string> Kinds { get; } = [StreamNetdevConfiguration.Name, TapNetdevConfiguration.Name, UserNetdevConfiguration.Name];

    /// <summary>Its kind.</summary>
    public abstract string Kind { get; }

    /// <summary>As the command line spells it: "-netdev tap,id=n0,ifname=tap0". A descriptor is another number in another process, so it is left to be filled in.</summary>
    public string Text => $"-netdev {string.Join(',', [Kind, $"id={Id}", .. Keys.Where(key => key.Value is not null).Select(key => $"{key.Key}={Escaped(key.Value!)}")])}";

    /// <summary>The keys that are not what they are by default, with their values.</summary>
    protected abstract IEnumerable<(string Key, string? Value)> Keys { get; }

    /// <summary>What the back end is made from.</summary>
    /// <exception cref="NetException">It cannot be as it was asked for.</exception>
    public abstract NetdevConfiguration ToNetdev();

    /// <summary>Refuses an id that is none. One with which QEMU marks what it names itself is not an operator's.</summary>
    public void RequireId()
    {
        if (!IdProperty.IsId(Id))
        {
            throw new NetException($"Parameter 'id' expects {IdProperty.Expected}, not '{Id}'");
        }
    }

    /// <summary>A switch as a key has it; null where it is not given.</summary>
    protected static string? Switch(bool? value) => value is { } given ? (given ? "on" : "off") : null;

    private static string Escaped(string value) => value.Replace(",", ",,", StringComparison.Ordinal);
}
