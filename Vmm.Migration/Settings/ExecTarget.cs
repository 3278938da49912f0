// What of a cpr-exec can be judged before anything begins: a refusal here is an error of the command, and no migration that failed.
//
// The state stays in this process, which another program continues: in memory, or in a file where the command names one. A socket, or the
// input of a command, would take it out of the process. What reads there may be gone, or be no store, and the guest would be lost with it;
// so such an address is refused, although QEMU takes it.

using Vmm.Migration.Channels;

namespace Vmm.Migration.Settings;

/// <summary>Where the state of a cpr-exec may go, and which program continues the guest.</summary>
internal static class ExecTarget
{
    /// <summary>Refuses a command line that cannot be one, whenever it is set.</summary>
    /// <exception cref="MigrationException">An argument holds a NUL character, which would end it.</exception>
    internal static void RefuseArguments(IReadOnlyList<string> command)
    {
        for (var i = 0; i < command.Count; i++)
        {
            if (command[i].Contains('\0', StringComparison.Ordinal))
            {
                throw new MigrationException($"Parameter 'cpr-exec-command[{i}]' expects a string without a NUL character");
            }
        }
    }

    /// <summary>Refuses what no cpr-exec can begin with. A cpr channel is without effect: the descriptors stay where they are.</summary>
    /// <exception cref="MigrationException">No program is set, or the main channel is no file.</exception>
    internal static void Refuse(MigrationTarget target, MigrationParameters parameters)
    {
        if (parameters.CprExecCommand.Count == 0)
        {
            throw new MigrationException("cpr-exec mode requires setting cpr-exec-command");
        }

        if (target.Main is not (null or FileAddress))
        {
            throw new MigrationException(
                $"'{target.Main}' is not supported in migration mode 'cpr-exec': expected file:PATH, or neither 'uri' nor 'channels', "
                + "because the state must not leave this process for another one");
        }
    }
}
