using System.Net;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Migration.Channels;

/// <summary>Opens connections.</summary>
internal static class Connecting
{
    /// <summary>Connects to a unix socket.</summary>
    /// <exception cref="PosixException">No process listens there.</exception>
    internal static SafeFileHandle ToUnix(string path)
    {
        try
        {
            return UnixSocket.ConnectTo(path);
        }
        catch (PosixException e)
        {
            throw new PosixException($"Failed to connect to '{path}'", e.Errno);
        }
    }

    /// <summary>Connects by TCP, to the first of an address's end points that can be reached.</summary>
    /// <param name="loop">The loop that waits.</param>
    /// <param name="address">Where to.</param>
    /// <param name="deadline">How long.</param>
    /// <param name="cancelled">Ends the waiting with an <see cref="ObjectDisposedException"/>.</param>
    /// <exception cref="PosixException">No process listens there.</exception>
    internal static async ValueTask<LoopSocket> ToInetAsync(EventLoop loop, InetAddress address, Deadline deadline, CancellationToken cancelled)
    {
        PosixException? failure = null;
        foreach (var target in InetEndPoints.ToConnect(address))
        {
            try
            {
                return await ToAsync(loop, target, deadline, cancelled);
            }
            catch (PosixException e)
            {
                failure ??= new PosixException($"Failed to connect to '{UriHost.Bracketed(address.Host)}:{address.Port}'", e.Errno);
            }
        }

        throw failure!;
    }

    private static async ValueTask<LoopSocket> ToAsync(EventLoop loop, IPEndPoint target, Deadline deadline, CancellationToken cancelled)
    {
        var handle = TcpSocket.Create(target.AddressFamily);
        LoopSocket socket;
        try
        {
            TcpSocket.BeginConnect(handle, target);
            socket = new LoopSocket(loop, handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }

        try
        {
            using var end = cancelled.Register(socket.Dispose);
            await socket.ConnectedAsync(deadline);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
