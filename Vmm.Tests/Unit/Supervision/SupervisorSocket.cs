using System.Net.Sockets;
using System.Text;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.Unit.Supervision;

/// <summary>The socket at which a test is the supervisor.</summary>
internal sealed class SupervisorSocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    /// <param name="name">A path, or '@' and a name in the abstract name space.</param>
    internal SupervisorSocket(string name) => _socket.Bind(new UnixDomainSocketEndPoint(name[0] == '@' ? $"\0{name[1..]}" : name));

    /// <summary>What has come and was not asked for yet.</summary>
    internal IEnumerable<string> Received()
    {
        while (_socket.Poll(TimeSpan.Zero, SelectMode.SelectRead))
        {
            byte[] buffer = new byte[4096];
            yield return Encoding.UTF8.GetString(buffer.AsSpan(0, _socket.Receive(buffer)));
        }
    }

    /// <summary>The next message.</summary>
    internal async Task<string> NextAsync()
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        byte[] buffer = new byte[4096];
        return Encoding.UTF8.GetString(buffer.AsSpan(0, await _socket.ReceiveAsync(buffer, deadline.Token)));
    }

    public void Dispose() => _socket.Dispose();
}
