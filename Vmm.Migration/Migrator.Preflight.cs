// A preflight: everything of a live update that comes before the pause, and nothing of the rest. It shows an operator
// whether the update would succeed, while success and failure still cost nothing. Both processes are afterwards what they
// were before.

using System.Runtime.InteropServices;
using Vmm.Core.Errors;
using Vmm.Core.Machines;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;

namespace Vmm.Migration;

public sealed partial class Migrator
{
    private OutgoingHandover? _preflight;

    /// <summary>Tries a live update out, up to the pause.</summary>
    /// <param name="target">Where to, as for <see cref="Migrate"/>.</param>
    /// <param name="findDescriptor">Shows the descriptor that getfd named; it stays where it is.</param>
    /// <returns>Whether it would succeed, or every reason why not.</returns>
    /// <exception cref="MigrationException">A migration or another preflight is under way.</exception>
    public async Task<PreflightVerdict> PreflightAsync(MigrationTarget target, Func<string, SafeHandle?>? findDescriptor = null)
    {
        ArgumentNullException.ThrowIfNull(target);
        RefuseWhileUnderWay();
        var reasons = new List<string>();
        string path = "";
        Note(reasons, RefuseByRunState);
        Note(reasons, () => path = PathOf(CprAddress(target)));
        Note(reasons, () => RefuseTarget(target));
        if (target.Main is DescriptorAddress descriptor)
        {
            Note(reasons, () => RefuseDescriptor(descriptor, findDescriptor?.Invoke(descriptor.NameOrNumber)));
        }

        if (reasons.Count > 0)
        {
            return Failing([.. reasons]);
        }

        try
        {
            using var handover = _preflight = new OutgoingHandover(
                _machine, Parameters, path, (_, _) => throw new InvalidOperationException("a preflight opens no main channel"), _log)
            {
                OnReady = LogWarnings,
            };
            using var peer = handover.PeerProcess;
            return await handover.PreflightAsync();
        }
        catch (PlanRefusedException refusal)
        {
            return Failing([.. refusal.Reasons]);
        }
        catch (HandoverException e)
        {
            return Failing(e.Message);
        }
        finally
        {
            _preflight = null;
        }
    }

    private static void Note(List<string> reasons, Action check)
    {
        try
        {
            check();
        }
        catch (VmmException e)
        {
            reasons.Add(e.Message);
        }
    }

    private static PreflightVerdict Failing(params string[] reasons) => new(reasons, [], 0, null);
}
