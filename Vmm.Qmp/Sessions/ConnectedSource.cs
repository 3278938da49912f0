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

    /// <inheritdoc/>
    public void Dispose() => _connection?.Dispose();
}
