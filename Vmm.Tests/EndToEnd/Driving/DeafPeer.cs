using System.Net.Sockets;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>A process that listens where the new process of an update should, and does with connections what a test wants.</summary>
internal sealed class DeafPeer : IDisposable
{
    private readonly Socket _listener;

    private DeafPeer(Socket listener) => _listener = listener;

    /// <summary>Listens on a path.</summary>
    internal static DeafPeer Listen(string path)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        return new DeafPeer(listener);
    }

    /// <summary>Leaves a socket's file behind that no process listens on any more.</summary>
    internal static void LeaveStale(string path)
    {
        // The socket removes the name that it was bound to, and only that.
        using var listener = Listen(path + ".bound");
        File.Move(path + ".bound", path);
    }

    /// <summary>Connects to a path.</summary>
    internal static async Task<Socket> ConnectAsync(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        return socket;
    }

    /// <summary>The next connection.</summary>
    internal async Task<Socket> AcceptAsync()
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        return await _listener.AcceptAsync(deadline.Token);
    }

    /// <summary>Reads what comes until the other side closes.</summary>
    internal static async Task<byte[]> ReadToEndAsync(Socket connection)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        using var all = new MemoryStream();
        byte[] chunk = new byte[4096];
        while (await connection.ReceiveAsync(chunk, deadline.Token) is > 0 and var got)
        {
            all.Write(chunk, 0, got);
        }

        return all.ToArray();
    }

    /// <summary>Sends to a peer that may hang up before it has read anything.</summary>
    internal static async Task SendUnwantedAsync(Socket connection, byte[] bytes)
    {
        try
        {
            await connection.SendAsync(bytes);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.Shutdown or SocketError.ConnectionReset)
        {
            // It has hung up already, which is all that the sender wanted to see.
        }
    }

    /// <summary>Waits until the other side closes, orderly or because it did not want what was sent.</summary>
    internal static async Task WaitForEndAsync(Socket connection)
    {
        try
        {
            await ReadToEndAsync(connection);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset)
        {
            // That is how a socket closes on which bytes were left unread.
        }
    }

    /// <summary>Stops listening.</summary>
    public void Dispose() => _listener.Dispose();
}
