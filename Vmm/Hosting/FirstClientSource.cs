using Vmm.Core.Loop;
using Vmm.Qmp.Sessions;

namespace Vmm.Hosting;

/// <summary>A source of clients that signals when the first one came.</summary>
/// <param name="source">Where they come from.</param>
internal sealed class FirstClientSource(IConnectionSource source) : IConnectionSource
{
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with the first client.</summary>
    internal Task FirstClient => _first.Task;

    /// <inheritdoc/>
    public async Task<Connection?> AcceptAsync(EventLoop io)
    {
        var connection = await source.AcceptAsync(io);
        if (connection is not null)
        {
            _first.TrySetResult();
        }

        return connection;
    }

    /// <inheritdoc/>
    public void Hold() => source.Hold();

    /// <inheritdoc/>
    public void Continue() => source.Continue();

    /// <inheritdoc/>
    public void Dispose() => source.Dispose();
}
