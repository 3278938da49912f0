using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Net;

/// <summary>What a connection has to be that another process made: why a descriptor is none, or null. A peer that has left is found when the guest is here.</summary>
internal static class StreamKind
{
    /// <summary>A stream socket of any family.</summary>
    internal static string? Connection(SafeFileHandle handle) =>
        HostSocket.IsStream(handle) && !HostSocket.IsListening(handle) ? null : "a connected stream socket expected, the descriptor is none";

    /// <summary>A stream socket of any family that clients connect to.</summary>
    internal static string? Listener(SafeFileHandle handle) =>
        HostSocket.IsStream(handle) && HostSocket.IsListening(handle) ? null : "a listening stream socket expected, the descriptor is none";

    /// <summary>A TCP socket.</summary>
    internal static string? TcpConnection(SafeFileHandle handle) =>
        Connection(handle) ?? (HostSocket.IsUnix(handle) ? "a connected TCP socket expected, the descriptor is a unix socket" : null);

    /// <summary>A unix stream socket.</summary>
    internal static string? UnixConnection(SafeFileHandle handle) =>
        Connection(handle) ?? (HostSocket.IsUnix(handle) ? null : "a connected unix socket expected, the descriptor is a TCP socket");
}
