using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;
using Vmm.Migration.Channels;

namespace Vmm.Migration.Handover;

/// <summary>Who may be the other half of a handover: a process of the same effective user, or of root, as far as the kernel knows.</summary>
internal static class Credentials
{
    /// <summary>Whether a peer of this effective user may take part.</summary>
    internal static bool Permit(uint user) => (user == HostProcess.EffectiveUserId || user == 0) && UserNamespace.IsCertain(user);

    /// <summary>Whether the kernel knows who made a connection; not by TCP.</summary>
    internal static bool AreKnown(SafeFileHandle connection) => HostSocket.IsUnix(connection);

    /// <summary>
    /// Whether the process that connected to the main channel may take part. An unknown one may: a state carries the attempt's number, which
    /// only the two processes know, so another's is refused.
    /// </summary>
    internal static bool Permit(SafeFileHandle connection) => !AreKnown(connection) || Permit(UnixSocket.PeerOf(connection).UserId);

    /// <exception cref="HandoverException">The peer is of another user.</exception>
    internal static void Check(MessageChannel channel)
    {
        if (!UserNamespace.IsCertain(channel.PeerUserId))
        {
            throw new HandoverException(
                $"{channel.PeerName} shows as user {channel.PeerUserId}, which stands for every user whom this process's user namespace does not map: "
                + "who it is cannot be known; map its user into the namespace");
        }

        if (!Permit(channel.PeerUserId))
        {
            throw new HandoverException($"{channel.PeerName} runs as user {channel.PeerUserId}, user {HostProcess.EffectiveUserId} or root (0) was expected");
        }
    }
}
