using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Migration.Channels;

/// <summary>Opens connections.</summary>
internal static class Connecting
{
    /// <summary>Connects to a unix socket.</summary>
    /// <exception cref="PosixException">Nobody listens there.</exception>
    internal static SafeFileHandle ToUnix(string path)
    {
        var socket = Posix.CreateUnixSocket();
        try
        {
            Posix.Connect(socket, path);
            return socket;
        }
        catch (PosixException e)
        {
            socket.Dispose();
            throw new PosixException($"Failed to connect to '{path}'", e.Errno);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
