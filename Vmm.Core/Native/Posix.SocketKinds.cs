// What kind of socket a descriptor that another process made is. The questions change nothing about it.

using System.Runtime.InteropServices;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

internal static partial class Posix
{
    /// <summary>Whether a descriptor is a stream socket, unix or TCP.</summary>
    internal static bool IsStreamSocket(SafeHandle handle) =>
        TryGetOption(handle, SO_TYPE, out int type) && type == SOCK_STREAM
        && TryGetOption(handle, SocketDomain, out int domain) && (domain == AF_UNIX || domain == AF_INET || domain == AF_INET6);

    /// <summary>Whether a socket is connected to another one.</summary>
    internal static unsafe bool HasPeer(SafeHandle handle)
    {
        byte* address = stackalloc byte[AddressSpace];
        socklen_t length = AddressSpace;
        using var fd = new Borrowed(handle);

        // The kernel writes no more than the length that it is given.
        return getpeername(fd, (sockaddr*)address, &length) == 0;
    }
}
