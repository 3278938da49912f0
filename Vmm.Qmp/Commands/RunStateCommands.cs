// run-state.json: what the machine is doing, and the commands that change it.

using Vmm.Core.Machines;
using Vmm.Qmp.Schema;
using CoreCause = Vmm.Core.Machines.ShutdownCause;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of run-state.json.</summary>
/// <param name="machine">The machine they act on.</param>
public sealed class RunStateCommands(Machine machine) : IRunStateCommands
{
    /// <inheritdoc/>
    public ValueTask<StatusInfo> QueryStatus(CommandContext context) => ValueTask.FromResult(new StatusInfo
    {
        Running = machine.State == Core.Machines.RunState.Running,
        Status = machine.State.ToQapi(),
    });

    /// <inheritdoc/>
    public async ValueTask Stop(CommandContext context) => await Refusals.ToQmpErrors(machine.StopAsync);

    /// <inheritdoc/>
    public async ValueTask Cont(CommandContext context) => await Refusals.ToQmpErrors(machine.ContinueAsync);

    /// <inheritdoc/>
    public async ValueTask SystemReset(CommandContext context) =>
        await Refusals.ToQmpErrors(() => machine.ResetAsync(CoreCause.HostQmpSystemReset));

    /// <inheritdoc/>
    public async ValueTask SystemPowerdown(CommandContext context) => await Refusals.ToQmpErrors(() =>
    {
        machine.PressPowerButton();
        return Task.CompletedTask;
    });
}
