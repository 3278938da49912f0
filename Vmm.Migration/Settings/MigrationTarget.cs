// Where a migration goes, as users say it: a URI for the main channel (and the parameter cpr-uri for the other), or a
// list of channels with their types. In the mode whose state stays in the process there may be neither.

using Vmm.Migration.Channels;

namespace Vmm.Migration.Settings;

/// <summary>The channels that a migrate command names.</summary>
/// <param name="Main">The main channel; null where the command names none.</param>
/// <param name="Cpr">The cpr channel, where the command names one.</param>
/// <param name="IsUri">Whether the command gave a URI instead of a list.</param>
public sealed record MigrationTarget(ChannelAddress? Main, ChannelAddress? Cpr, bool IsUri)
{
    /// <summary>What is said of a command that names no target, or two.</summary>
    public const string NeedOneOf = "need either 'uri' or 'channels' argument";

    /// <summary>The target of a command with neither a URI nor a list.</summary>
    public static MigrationTarget None { get; } = new(null, null, IsUri: false);

    /// <summary>The main channel, in a mode that needs one.</summary>
    /// <exception cref="MigrationException">The command names none.</exception>
    public ChannelAddress NeededMain => Main ?? throw new MigrationException(NeedOneOf);

    /// <summary>The target of a command with a URI.</summary>
    public static MigrationTarget FromUri(string uri) => new(ChannelAddress.ParseUri(uri), null, IsUri: true);

    /// <summary>The target of a command with a list of channels.</summary>
    /// <param name="channels">Each channel's address, and whether its type is cpr (otherwise main).</param>
    /// <exception cref="MigrationException">The list names a channel twice, or no main one.</exception>
    public static MigrationTarget FromChannels(IReadOnlyList<(bool IsCpr, ChannelAddress Address)> channels)
    {
        ArgumentNullException.ThrowIfNull(channels);
        return new MigrationTarget(
            Only(channels, cpr: false, "main") ?? throw new MigrationException("Channel list has no main entry"),
            Only(channels, cpr: true, "cpr"),
            IsUri: false);
    }

    private static ChannelAddress? Only(IReadOnlyList<(bool IsCpr, ChannelAddress Address)> channels, bool cpr, string name)
    {
        ChannelAddress? found = null;
        foreach (var channel in channels)
        {
            if (channel.IsCpr == cpr)
            {
                found = found is null ? channel.Address : throw new MigrationException($"Channel list has more than one {name} entry");
            }
        }

        return found;
    }
}
