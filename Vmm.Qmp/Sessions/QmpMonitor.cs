namespace Vmm.Qmp.Sessions;

/// <summary>A monitor whose clients speak QMP.</summary>
/// <param name="name">The name in logs.</param>
/// <param name="source">Where clients come from.</param>
/// <param name="service">What they are served.</param>
/// <param name="pretty">Whether messages are indented.</param>
public sealed class QmpMonitor(string name, IConnectionSource source, QmpService service, bool pretty = false)
    : Monitor(name, source, service.Log)
{
    private QmpSession? _session;

    internal override Task FlushAsync() => _session?.FlushAsync() ?? Task.CompletedTask;

    private protected override async Task ServeAsync(Connection connection)
    {
        using var session = new QmpSession(connection, service, Io, pretty);
        _session = session;
        session.Start();
        await session.Completion;
        _session = null;
    }

    private protected override void CloseSession() => _session?.Dispose();
}
