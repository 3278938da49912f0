// Where a socket listens: a path, a name in the abstract name space, a TCP port. What they have in common is that a socket can be bound there,
// unless another has the place. A path leaves a name behind, which somebody has to remove; the other two end with their socket.

using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>A place to listen at.</summary>
public abstract class ListenAddress
{
    /// <summary>The place, as messages and query-chardev name it.</summary>
    public abstract string Text { get; }

    /// <summary>Listens there.</summary>
    /// <param name="backlog">How many clients may wait.</param>
    /// <param name="name">The name in the file system that was made; null if the place leaves none.</param>
    /// <returns>The socket; null if another process listens there.</returns>
    /// <exception cref="IOException">The host refuses it, or something else has the place.</exception>
    public abstract SafeFileHandle? TryListen(int backlog, out SocketName? name);

    /// <summary>The name that a socket has which was made elsewhere and listens here; null if it has none.</summary>
    public virtual SocketName? NameOfAdopted() => null;

    /// <summary>Notes where a socket that was made elsewhere listens.</summary>
    internal virtual void Adopted(SafeFileHandle socket)
    {
    }

    /// <summary>A path.</summary>
    /// <param name="path">Where.</param>
    internal sealed class UnixPath(string path) : ListenAddress
    {
        private string _path = path;

        public override string Text => _path;

        public override SafeFileHandle? TryListen(int backlog, out SocketName? name) => SocketName.TryListen(_path, backlog, out name);

        public override SocketName? NameOfAdopted() => SocketName.Of(_path);

        /// <summary>It may have been made for another path than was expected, where there is perhaps another program's socket now.</summary>
        internal override void Adopted(SafeFileHandle socket)
        {
            if (UnixSocket.BoundPath(socket) is { } bound && Path.GetFullPath(bound) != Path.GetFullPath(_path))
            {
                _path = bound;
            }
        }
    }

    /// <summary>A name in the abstract name space.</summary>
    /// <param name="name">The name.</param>
    /// <param name="tight">Whether it is as long as it is, and not padded with zero bytes.</param>
    internal sealed class Abstract(string name, bool tight) : ListenAddress
    {
        public override string Text => name;

        public override SafeFileHandle? TryListen(int backlog, out SocketName? made)
        {
            made = null;
            var socket = UnixSocket.Create();
            try
            {
                if (UnixSocket.TryListenAbstract(socket, name, tight, backlog))
                {
                    return socket;
                }
            }
            catch
            {
                socket.Dispose();
                throw;
            }

            socket.Dispose();
            return null;
        }
    }

    /// <summary>A TCP port, or the first free one of a range.</summary>
    /// <param name="at">Address and port; port 0 lets the kernel choose one.</param>
    /// <param name="last">The last port of the range.</param>
    internal sealed class Tcp(TcpAddress at, int last) : ListenAddress
    {
        private IPEndPoint? _bound;

        public override string Text => _bound?.ToString() ?? at.Text();

        public override SafeFileHandle? TryListen(int backlog, out SocketName? name)
        {
            name = null;

            // One that listened before listens again where its clients look for it.
            int first = _bound?.Port ?? at.Port;
            for (int port = first; port <= Math.Max(first, _bound is null ? last : first); port++)
            {
                if (TryListenAt(port, backlog) is { } socket)
                {
                    Adopted(socket);
                    return socket;
                }
            }

            return null;
        }

        internal override void Adopted(SafeFileHandle socket) => _bound = TcpSocket.BoundTo(socket);

        private SafeFileHandle? TryListenAt(int port, int backlog)
        {
            PosixException? refusal = null;
            foreach (var address in at.ToListenAt)
            {
                SafeFileHandle? socket = null;
                try
                {
                    socket = TcpSocket.Create(address.AddressFamily, noDelay: false);
                    TcpSocket.Listen(socket, new IPEndPoint(address, port), backlog);
                    return socket;
                }
                catch (PosixException e) when (e.Errno == TcpSocket.AddressInUse)
                {
                    socket?.Dispose();
                    return null;
                }
                catch (PosixException e)
                {
                    // A host without IPv6, say.
                    socket?.Dispose();
                    refusal = e;
                }
            }

            throw new IOException($"Failed to bind socket to {at.Text(port)}: {refusal!.Reason}", refusal);
        }
    }
}
