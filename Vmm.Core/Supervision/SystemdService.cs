// Whether systemd started this process as the main process of a service. Since version 248 it puts the PID of the process that it starts into
// SYSTEMD_EXEC_PID; descendants inherit the variable and have another PID. Earlier versions set only INVOCATION_ID, in all processes of a unit; there the
// main process is the one whose parent is the service manager: PID 1, or the user's, whose PID is in MANAGERPID.

using System.Globalization;
using Vmm.Core.Native;

namespace Vmm.Core.Supervision;

/// <summary>The service that this process is of. Any thread.</summary>
public static class SystemdService
{
    private const int SystemManager = 1;

    /// <summary>Whether this process was started as the main process of a service, as far as its environment says.</summary>
    public static bool HasThisAsMain => HasAsMain(Environment.ProcessId, HostProcess.ParentId, Environment.GetEnvironmentVariable);

    internal static bool HasAsMain(int process, int parent, Func<string, string?> variable) => variable("SYSTEMD_EXEC_PID") is { Length: > 0 } started
        ? IsNumber(started, process)
        : variable("INVOCATION_ID") is { Length: > 0 } && (parent == SystemManager || IsNumber(variable("MANAGERPID"), parent));

    private static bool IsNumber(string? text, int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value == number;
}
