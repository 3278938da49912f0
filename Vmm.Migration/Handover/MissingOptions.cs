using Vmm.Core.Machines;

namespace Vmm.Migration.Handover;

/// <summary>What a new process's command line needs of the back ends that a client added or changed in the old one.</summary>
internal static class MissingOptions
{
    /// <summary>The advice for a new process that refused the plan.</summary>
    /// <param name="machine">The machine in the old process.</param>
    /// <param name="refusal">Why the new process refused.</param>
    /// <returns>Null if its reasons do not speak of such a back end.</returns>
    internal static string? Of(Machine machine, PlanRefusedException refusal)
    {
        bool Concerns(string kind) => refusal.Reasons.Any(reason => reason.Contains(kind, StringComparison.Ordinal));
        var (chardevs, netdevs) = (machine.Chardevs.NewOptions, machine.Netdevs.NewOptions);
        string? ofChardevs = chardevs.Count > 0 && Concerns("chardev")
            ? $"chardevs were added or changed since this process started: the command line of the new process needs {string.Join(' ', chardevs)}"
            : null;
        string? ofNetdevs = netdevs.Count > 0 && Concerns("netdev")
            ? $"netdevs were added since this process started: the command line of the new process needs {string.Join(' ', netdevs)}"
            : null;
        return ofChardevs is null ? ofNetdevs : ofNetdevs is null ? ofChardevs : $"{ofChardevs}; {ofNetdevs}";
    }
}
