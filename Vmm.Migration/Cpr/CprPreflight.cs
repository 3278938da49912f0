// A preflight: everything of a live update that comes before the pause, and nothing of the rest. It shows an operator
// whether the update would succeed, while success and failure still cost nothing. Both processes are afterwards what they
// were before.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Vmm.Core.Errors;
using Vmm.Core.Machines;
using Vmm.Migration.Channels;
using Vmm.Migration.Engines;
using Vmm.Migration.Handover;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Cpr;

/// <summary>Tries a live update out, up to the pause. Machine loop only.</summary>
/// <param name="machine">The machine whose guest would go.</param>
/// <param name="target">Where to.</param>
/// <param name="parameters">The parameters of the attempt.</param>
/// <param name="findDescriptor">Shows the descriptor that was sent under a name; it stays where it is.</param>
/// <param name="refuseBlocked">Throws what keeps every guest of this machine from leaving.</param>
/// <param name="log">Where differences are reported.</param>
internal sealed class CprPreflight(
    Machine machine,
    MigrationTarget target,
    MigrationParameters parameters,
    Func<string, SafeHandle?>? findDescriptor,
    Action refuseBlocked,
    ILogger log) : IPreflight
{
    private OutgoingHandover? _handover;

    /// <inheritdoc/>
    public async Task<PreflightVerdict> RunAsync(IReadOnlyList<string> known)
    {
        string path = "";
        string[] reasons =
        [
            .. known,
            .. WhyNot(() => path = FindPath()),
            .. WhyNot(RefuseTarget),
            .. WhyNot(RefuseDescriptor),
        ];
        return reasons.Length > 0 ? Failing(reasons) : await RunAsync(path);
    }

    /// <inheritdoc/>
    public void Cancel() => _handover?.Cancel();

    /// <inheritdoc/>
    public void Dispose()
    {
        _handover?.Dispose();
        _handover?.PeerProcess.Dispose();
    }

    private static PreflightVerdict Failing(IReadOnlyList<string> reasons) => new(reasons, [], 0, null);

    private static string[] WhyNot(Action check)
    {
        try
        {
            check();
            return [];
        }
        catch (VmmException e)
        {
            return [e.Message];
        }
    }

    private async Task<PreflightVerdict> RunAsync(string path)
    {
        try
        {
            _handover = new OutgoingHandover(
                machine,
                parameters,
                HandoverLink.ToPath(machine.Loop, path, (_, _) => throw new InvalidOperationException("a preflight opens no main channel")),
                log)
            {
                OnReady = warnings => Differences.Log(log, warnings),
            };
            return await _handover.PreflightAsync();
        }
        catch (PlanRefusedException refusal)
        {
            return Failing(refusal.Reasons);
        }
        catch (HandoverException e)
        {
            return Failing([e.Message]);
        }
    }

    /// <summary>In another mode there may be no cpr channel yet, and the mode is among the reasons already.</summary>
    private string FindPath() =>
        parameters.Mode == MigrationMode.CprTransfer ? CprTarget.PathOf(CprTarget.CprAddress(target, parameters)) : "";

    private void RefuseTarget()
    {
        CprTarget.RefuseMain(target.NeededMain);
        refuseBlocked();
    }

    private void RefuseDescriptor()
    {
        if (target.Main is DescriptorAddress descriptor)
        {
            CprTarget.RefuseDescriptor(descriptor, findDescriptor?.Invoke(descriptor.NameOrNumber));
        }
    }
}
