using Vmm.Core.State;

namespace Vmm.Qmp.Sessions;

/// <summary>A monitor whose clients speak QMP.</summary>
/// <param name="name">The name in logs.</param>
/// <param name="source">Where clients come from.</param>
/// <param name="service">What they are served.</param>
/// <param name="pretty">Whether messages are indented.</param>
public sealed class QmpMonitor(string name, IConnectionSource source, QmpService service, bool pretty = false)
    : Monitor(name, source, service.Log)
{
    internal override byte Language => 1;

    internal override SessionRecord Read(StateReader record) => new QmpSessionRecord(record);

    private protected override ClientSession Open(Connection connection) => new QmpSession(connection, service, Io, pretty);
}
