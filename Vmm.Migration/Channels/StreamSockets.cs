// A channel that management made comes as a descriptor, and a descriptor may be anything. So it is examined when it is handed over: the first
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
        ?? (HostSocket.IsListening(handle) ? "it is a listening socket"
            : !HostSocket.HasPeer(handle) ? "it is not connected"
            : (FileDescriptor.PollNow(handle, FdEvents.In) & (FdEvents.HangUp | FdEvents.Error)) != 0 ? "its peer has closed the connection"
            : null);

    /// <summary>Why clients cannot be accepted from a descriptor, as the end of a sentence about it; null if they can.</summary>
    /// <param name="handle">The descriptor.</param>
    /// <param name="unixOnly">Whether it must be a unix socket, which carries descriptors and says who the peer is.</param>
    internal static string? WhyNotListening(SafeHandle handle, bool unixOnly) =>
        WhyNotStream(handle)
        ?? (unixOnly && !HostSocket.IsUnix(handle) ? "it is no unix socket"
            : !HostSocket.IsListening(handle) ? "it does not listen"
            : null);

    private static string? WhyNotStream(SafeHandle handle) =>
        !HostSocket.IsSocket(handle) ? "it is no socket"
        : !HostSocket.IsStream(handle) ? "it is no unix or TCP stream socket"
        : null;
}
