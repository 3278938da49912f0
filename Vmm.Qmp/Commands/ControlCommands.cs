// control.json: the session itself, and the end of the process.

using Vmm.Core.Machines;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Wire;
using CoreCause = Vmm.Core.Machines.ShutdownCause;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of control.json.</summary>
/// <param name="machine">The machine whose process quit ends.</param>
public sealed class ControlCommands(Machine machine) : IControlCommands
{
    /// <inheritdoc/>
    public ValueTask QmpCapabilities(CommandContext context, IReadOnlyList<QMPCapability>? enable)
    {
        context.EnableCapabilities(enable ?? []);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<VersionInfo> QueryVersion(CommandContext context)
    {
        var version = QmpVersion.Current;
        return ValueTask.FromResult(new VersionInfo
        {
            Qemu = new VersionTriple { Major = version.Major, Minor = version.Minor, Micro = version.Micro },
            Package = version.Package,
        });
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<CommandInfo>> QueryCommands(CommandContext context) =>
        ValueTask.FromResult<IReadOnlyList<CommandInfo>>([.. QapiCommands.Names.Select(name => new CommandInfo { Name = name })]);

    /// <inheritdoc/>
    public ValueTask Quit(CommandContext context)
    {
        machine.Quit(CoreCause.HostQmpQuit);
        return ValueTask.CompletedTask;
    }
}
