// What of a target can be judged before anything begins: a refusal here is an error of the command, and no migration that failed.

using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Vmm.Migration.Channels;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Cpr;

/// <summary>Where a cpr-transfer may go.</summary>
internal static class CprTarget
{
    /// <summary>Where the new process listens: as the command says, or the parameter.</summary>
    /// <exception cref="MigrationException">Neither does.</exception>
    internal static ChannelAddress CprAddress(MigrationTarget target, MigrationParameters parameters)
    {
        if (target.Cpr is not null)
        {
            return target.Cpr;
        }

        if (parameters.CprUri.Length == 0)
        {
            throw new MigrationException(
                target.IsUri ? "cpr-transfer mode requires setting cpr-uri" : "missing 'cpr' migration channel");
        }

        return ChannelAddress.ParseUri(parameters.CprUri) as UnixAddress
            ?? throw new MigrationException($"bad cpr-uri {parameters.CprUri}; must be unix:");
    }

    /// <summary>The path of the cpr channel.</summary>
    /// <exception cref="HandoverException">It has none.</exception>
    internal static string PathOf(ChannelAddress cpr) =>
        (cpr as UnixAddress)?.Path ?? throw new HandoverException("bad cpr channel address; must be unix");

    /// <summary>Refuses what cannot be a main channel.</summary>
    /// <exception cref="MigrationException">The address is of a kind that carries no state.</exception>
    internal static void RefuseMain(ChannelAddress main)
    {
        switch (main)
        {
            case FileAddress or ExecAddress:
                throw new MigrationException("Migration requires streamable transport (eg unix)");
            case UnixAddress or DescriptorAddress:
                break;
            case InetAddress inet:
                _ = InetEndPoints.ToConnect(inet);
                break;
            default:
                throw new MigrationException("cpr-transfer requires a unix channel");
        }
    }

    /// <summary>A descriptor that is no connection is refused while the guest runs, because nothing is sent on it before the guest is stopped.</summary>
    /// <exception cref="MigrationException">It is none.</exception>
    internal static void RefuseDescriptor(DescriptorAddress address, [NotNull] SafeHandle? named)
    {
        if (named is null)
        {
            throw new MigrationException($"File descriptor named '{address.NameOrNumber}' has not been found");
        }

        if (StreamSockets.WhyNotConnected(named) is { } problem)
        {
            throw new MigrationException($"fd:{address.NameOrNumber}: a connected stream socket was expected for the main channel; {problem}");
        }
    }
}
