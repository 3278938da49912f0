using Microsoft.Extensions.Logging;
using Vmm.Core.Errors;
using Vmm.Core.Machines;
using Vmm.Core.Supervision;
using Vmm.Migration.Channels;
using Vmm.Migration.Engines;
using Vmm.Migration.Handover;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Exec;

/// <summary>Tries an update by exec out, up to the pause. Machine loop only.</summary>
/// <param name="machine">The machine whose guest would go.</param>
/// <param name="parameters">The parameters of the attempt.</param>
/// <param name="supervisor">Whether it takes messages decides about a warning.</param>
/// <param name="refuse">Throws what keeps it from leaving so.</param>
/// <param name="log">Where differences are reported.</param>
internal sealed class ExecPreflight(Machine machine, MigrationParameters parameters, SystemdNotification supervisor, Action refuse, ILogger log) : IPreflight
{
    private readonly ExecQuestion _question = new(machine, parameters, supervisor, log);

    /// <inheritdoc/>
    public async Task<PreflightVerdict> RunAsync(IReadOnlyList<string> known)
    {
        var reasons = new List<string>(known);
        try
        {
            refuse();
        }
        catch (VmmException e)
        {
            reasons.Add(e.Message);
        }

        if (reasons.Count > 0)
        {
            return new PreflightVerdict(reasons, [], 0, null);
        }

        try
        {
            return (await _question.AskAsync()).Verdict;
        }
        catch (PlanRefusedException refusal)
        {
            return new PreflightVerdict(refusal.Reasons, [], 0, null);
        }
        catch (HandoverException e)
        {
            return new PreflightVerdict([e.Message], [], 0, null);
        }
    }

    /// <inheritdoc/>
    public void Cancel() => _question.Cancel();

    /// <inheritdoc/>
    public void Dispose() => _question.Dispose();
}
