using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>A copy of a socket's descriptor that processes started meanwhile inherit; disposing closes this process's.</summary>
internal sealed partial class Inheritable : IDisposable
{
    private Inheritable(int number) => Number = number;

    /// <summary>The descriptor's number, here and in the child.</summary>
    internal int Number { get; }

    /// <summary>Copies a socket's descriptor.</summary>
    internal static Inheritable CopyOf(Socket socket)
    {
        int copy = Duplicate((int)socket.Handle);
        return copy >= 0 ? new Inheritable(copy) : throw new IOException("dup failed");
    }

    /// <inheritdoc/>
    public void Dispose() => _ = Close(Number);

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Duplicate(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
