// A channel that management made comes as a descriptor, and a descriptor may be anything. What it is is asked when it is handed over, because the first
// byte is sent on it only when the guest is stopped.

using System.Runtime.InteropServices;
using Vmm.Core.Native;

namespace Vmm.Migration.Channels;

/// <summary>Says of a descriptor why it is not the socket that a channel needs.</summary>
internal static class StreamSockets
{
    /// <summary>Why a descriptor cannot carry a stream to a peer, as the end of a sentence about it; null if it can.</summary>
    internal static string? WhyNotConnected(SafeHandle handle) =>
        WhyNotStream(handle)
        ?? (Posix.IsListening(handle) ? "it is a listening socket"
            : !Posix.HasPeer(handle) ? "it is not connected"
            : (Posix.PollNow(handle, FdEvents.In) & (FdEvents.HangUp | FdEvents.Error)) != 0 ? "its peer has closed the connection"
            : null);

    /// <summary>Why clients cannot be accepted from a descriptor, as the end of a sentence about it; null if they can.</summary>
    /// <param name="handle">The descriptor.</param>
    /// <param name="unixOnly">Whether it must be a unix socket, which carries descriptors and says who the peer is.</param>
    internal static string? WhyNotListening(SafeHandle handle, bool unixOnly) =>
        WhyNotStream(handle)
        ?? (unixOnly && !Posix.IsUnixSocket(handle) ? "it is no unix socket"
            : !Posix.IsListening(handle) ? "it does not listen"
            : null);

    private static string? WhyNotStream(SafeHandle handle) =>
        !Posix.IsSocket(handle) ? "it is no socket"
        : !Posix.IsStreamSocket(handle) ? "it is no unix or TCP stream socket"
        : null;
}
