using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit;

/// <summary>A pair of connected sockets that keep the bounds of what is sent, non-blocking: a cable without a network.</summary>
internal static partial class FrameSocket
{
    private const int Unix = 1; // AF_UNIX
    private const int SeqPacket = 5; // SOCK_SEQPACKET
    private const int NonBlocking = 0x800; // SOCK_NONBLOCK
    private const int CloseOnExec = 0x80000; // SOCK_CLOEXEC

    internal static (SafeFileHandle Here, SafeFileHandle There) CreatePair()
    {
        var pair = new int[2];
        return socketpair(Unix, SeqPacket | NonBlocking | CloseOnExec, 0, pair) == 0
            ? (new SafeFileHandle(pair[0], ownsHandle: true), new SafeFileHandle(pair[1], ownsHandle: true))
            : throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    internal static void Send(SafeFileHandle socket, ReadOnlySpan<byte> frame) => Assert.That(TrySend(socket, frame), Is.True, "there is room");

    internal static bool TrySend(SafeFileHandle socket, ReadOnlySpan<byte> frame) => FileDescriptor.Write(socket, frame) == frame.Length;

    /// <summary>The next frame; null if there is none.</summary>
    internal static byte[]? Receive(SafeFileHandle socket)
    {
        byte[] buffer = new byte[1 << 17];
        int length = FileDescriptor.Read(socket, buffer);
        return length == FileDescriptor.WouldBlock ? null : buffer[..length];
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socketpair(int domain, int type, int protocol, [Out] int[] pair);
}
