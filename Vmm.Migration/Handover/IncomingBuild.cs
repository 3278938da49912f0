// The second part of an incoming handover: everything that takes time, done while the guest runs on in the old process.
// The plan is compared with this process; if the properties agree the machine is built from the descriptors that came with it,
// and what only a built machine shows (its layouts) is compared as well. Process and threads are placed on the host as
// old's were.
//
// Whatever goes wrong here is a reason for a refusal, and every reason is reported at once. The placement, and what no guest sees, is only a
// warning for the operator: a guest on other processors runs correctly, if perhaps slowly.

using Microsoft.Extensions.Logging;
using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.Memory;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;

namespace Vmm.Migration.Handover;

/// <summary>The machine that waits for its state, and the baton that came with its plan. Machine loop only.</summary>
internal sealed class IncomingBuild(Machine machine, Plan plan, HandedOverDescriptors handedOver, ILogger log) : IDisposable
{
    private Baton? _baton;
    private HostPlacement? _before;
    private bool _isTaken;

    /// <summary>The machine; null until it is built.</summary>
    internal Board? Board { get; private set; }

    /// <summary>What is not as in the old process although the guest can run here, for the operator.</summary>
    internal List<string> Warnings { get; } = [];

    /// <summary>Builds the machine.</summary>
    /// <returns>Every reason why the guest cannot run here; empty when it can.</returns>
    internal IReadOnlyList<string> Run()
    {
        var reasons = new List<string>(PlanComparison.Differences(plan.GuestVisible, Compared(machine.GuestVisible)));
        if (reasons.Count > 0)
        {
            return reasons;
        }

        Boundary.Passed(HandoverStep.NewPlanAccepted);
        try
        {
            Paced.Run(
                PlaceProcess,
                () => Board = machine.Handover.BuildIncoming((int)Math.Min(plan.BoardRevision, int.MaxValue), plan.GuestAbi, ClaimRam, handedOver),
                () => reasons.AddRange(plan.Images is null ? [] : ImageIdentity.Differences(plan.Images, Board!.Blocks.Identities)),
                () => reasons.AddRange(AdoptBackEnds(Board!)),
                () => reasons.AddRange(machine.Handover.Prepare(handedOver)),
                () => PlaceCpus(Board!));
        }
        catch (Exception e)
        {
            // Whatever a hostile descriptor provokes: nothing has happened to the guest, and the old process receives the reason.
            reasons.Add(Reason(e));
        }

        return reasons;
    }

    /// <summary>A failure as a reason. When the host refuses memory or a thread, the runtime throws an exception of its own.</summary>
    internal static string Reason(Exception failure) => failure is OutOfMemoryException
        ? "out of memory: the host gives this process no more memory, or no more threads"
        : PeerText.Of(failure.Message);

    /// <summary>Takes the guest: the compare-and-swap. From here on the machine is more than this attempt's.</summary>
    /// <returns>False when the old process was faster; the guest is its.</returns>
    internal bool TakeBaton() => _isTaken = _baton!.Take();

    /// <summary>Whether the guest was taken, and not by this.</summary>
    internal bool IsTakenByOther => !_isTaken && _baton?.IsHeldByNew == true;

    /// <summary>Drops what was built, unless the guest was taken. Does not throw.</summary>
    public void Dispose()
    {
        var end = new BestEffort(log, "the handover is over");
        end.Do("close the baton", () => _baton?.Dispose());
        if (!_isTaken)
        {
            // The names behind its back ends are the old process's.
            end.Do("drop the machine that was built", () => Board?.Release());
            machine.Handover.DropPrepared(end);

            // What was available before is available again.
            end.Do("place the process as it was", () => _before?.Apply());
        }
    }

    /// <summary>What must agree: all properties but those of subjects that only this process has, and may have.</summary>
    private IEnumerable<PropertyValue> Compared(IEnumerable<PropertyValue> own) =>
        own.Where(property => !GuestVisibleProperties.MayBeNew(property) || plan.GuestVisible.Any(theirs => theirs.Subject == property.Subject));

    private ReceivedRam ClaimRam(string block)
    {
        var planned = plan.Ram.FirstOrDefault(r => r.Name == block)
            ?? throw new HandoverException($"the old process has no RAM block '{block}'");
        var file = handedOver.Claim(DescriptorNames.Ram(block))
            ?? throw new HandoverException($"no descriptor came for RAM block '{block}'");
        return new ReceivedRam(file, planned.Identity);
    }

    /// <summary>Opens the baton, and has the host treat this process as it treats the old one: before there is RAM, or a vCPU's thread.</summary>
    private void PlaceProcess()
    {
        _baton = Baton.Open(handedOver.Claim(DescriptorNames.Baton) ?? throw new HandoverException("no baton came with the plan"), plan.Attempt);
        _before = HostPlacement.OfThisProcess();
        Warnings.AddRange(plan.HostOnly is null ? [] : PlanComparison.Differences(plan.HostOnly, machine.HostOnly));
        Warnings.AddRange(plan.Host.Apply());
    }

    /// <returns>The layouts in which the machine's state would not be read.</returns>
    private IReadOnlyList<string> AdoptBackEnds(Board board)
    {
        board.AdoptBackEnds(handedOver);
        Boundary.Passed(HandoverStep.NewBackEndsAdopted);
        return LayoutComparison.Differences(plan.Layouts, board.Sections);
    }

    private void PlaceCpus(Board board)
    {
        foreach (var cpu in board.Vm.Cpus.Where(cpu => cpu.Index < plan.Placement.Count))
        {
            var problems = plan.Placement[cpu.Index].Apply(cpu.ThreadId);
            Warnings.AddRange(problems.Select(problem => $"vCPU {cpu.Index}: {problem}"));
        }
    }
}
