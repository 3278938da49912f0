using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Sessions;

/// <summary>The context of a command that came over a monitor of ours, QMP or HMP.</summary>
public abstract class MonitorContext : CommandContext
{
    /// <summary>The descriptors that this monitor's client has named.</summary>
    public abstract NamedDescriptors Descriptors { get; }

    /// <summary>
    /// The command has done everything but wait for the end of a migration, which may be the end of this program; until what is returned is disposed.
    /// </summary>
    public virtual IDisposable? AwaitMigration() => null;
}
