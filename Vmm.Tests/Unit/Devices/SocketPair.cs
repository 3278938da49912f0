using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Devices;

/// <summary>Two connected unix sockets, in raw form.</summary>
internal static class SocketPair
{
    /// <summary>A descriptor that its taker owns, and a handle for the other end.</summary>
    internal static (int Near, SafeFileHandle Far) Create()
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        string path = Path.Combine(Path.GetTempPath(), $"vmm-pair-{Guid.NewGuid():N}");
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        var far = UnixSocket.Create();
        UnixSocket.Connect(far, path);
        using var accepted = listener.Accept();
        File.Delete(path);
        using var near = FileDescriptor.Duplicate(accepted.SafeHandle);
        int descriptor = (int)near.DangerousGetHandle();
        near.SetHandleAsInvalid();
        return (descriptor, far);
    }

    internal static void Send(SafeHandle socket, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int sent = HostSocket.SendNow(socket, bytes);
            bytes = bytes[Math.Max(0, sent)..];
        }
    }

    internal static byte[] ReceiveAll(SafeHandle socket)
    {
        var all = new List<byte>();
        Span<byte> buffer = stackalloc byte[4096];
        for (int got; (got = HostSocket.ReceiveNow(socket, buffer)) > 0;)
        {
            all.AddRange(buffer[..got]);
        }

        return [.. all];
    }
}
