// misc.json: descriptors by name, and the human monitor's commands for machines.

using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of misc.json.</summary>
/// <param name="executeHmp">Runs a line of the human monitor and returns what it prints.</param>
/// <param name="cpus">How many vCPUs the machine has.</param>
public sealed class MiscCommands(Func<string, CommandContext, Task<string>> executeHmp, int cpus) : IMiscCommands
{
    /// <summary>Runs a line. No command of ours depends on a vCPU, but one that does not exist is an error.</summary>
    public async ValueTask<string> HumanMonitorCommand(CommandContext context, string commandLine, long? cpuIndex) =>
        cpuIndex is null || (cpuIndex >= 0 && cpuIndex < cpus)
            ? await executeHmp(commandLine, context)
            : throw QmpException.GenericError("Parameter 'cpu-index' expects a CPU number");

    /// <inheritdoc/>
    public ValueTask Getfd(CommandContext context, string fdname)
    {
        if (fdname.Length == 0 || char.IsAsciiDigit(fdname[0]))
        {
            throw QmpException.GenericError("Parameter 'fdname' expects a name not starting with a digit");
        }

        var descriptor = context.TakeReceivedDescriptor()
            ?? throw QmpException.GenericError("No file descriptor supplied via SCM_RIGHTS");
        Names(context).Put(fdname, descriptor);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask Closefd(CommandContext context, string fdname) => Names(context).Remove(fdname)
        ? ValueTask.CompletedTask
        : throw QmpException.GenericError($"File descriptor named '{fdname}' not found");

    private static NamedDescriptors Names(CommandContext context) => context is MonitorContext monitor
        ? monitor.Descriptors
        : throw QmpException.GenericError("this monitor keeps no descriptors");
}
