using Vmm.Core.Loop;

namespace Vmm.Qmp.Sessions;

/// <summary>One client, connected from the start: a socket that was handed in, or standard input and output.</summary>
/// <param name="connection">The client.</param>
public sealed class ConnectedSource(Connection connection) : IConnectionSource
{
    private Connection? _connection = connection;

    /// <inheritdoc/>
    public Task<Connection?> AcceptAsync(EventLoop io)
    {
        var client = _connection;
        _connection = null;
        return Task.FromResult(client);
    }

    /// <summary>The client, if it is at two descriptors that are not the connection's own: one whose session began in another program.</summary>
    internal Connection? TakePair()
    {
        if (_connection is not { Socket: null } client)
        {
            return null;
        }

        _connection = null;
        return client;
    }

    /// <inheritdoc/>
    public void Dispose() => _connection?.Dispose();
}
