// The second part of an incoming handover: everything that takes time, done while the guest runs on in the old process.
// The plan is held against this process; if the facts agree the machine is built from the descriptors that came with it,
// and what only a built machine can tell (its layouts, its threads' placement) is compared as well.
//
// Whatever goes wrong here is a reason for a refusal, and every reason is told at once.

using Vmm.Core.Machines;
using Vmm.Core.Memory;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;

namespace Vmm.Migration.Handover;

/// <summary>The machine that waits for its state, and the baton that came with its plan. Machine loop only.</summary>
internal sealed class IncomingBuild(Machine machine, Plan plan, DescriptorBag bag) : IDisposable
{
    private Baton? _baton;
    private bool _kept;

    /// <summary>The machine; null until it is built.</summary>
    internal Board? Board { get; private set; }

    /// <summary>Builds the machine.</summary>
    /// <returns>Every reason why the guest cannot run here; empty when it can.</returns>
    internal IReadOnlyList<string> Run()
    {
        var reasons = new List<string>(PlanComparison.Differences(plan.Facts, machine.Facts));
        if (reasons.Count > 0)
        {
            return reasons;
        }

        Boundary.Passed(HandoverStep.NewPlanAccepted);
        try
        {
            _baton = Baton.Open(bag.Claim(DescriptorNames.Baton) ?? throw new HandoverException("no baton came with the plan"), plan.Attempt);
            Board = machine.BuildIncoming(plan.Promises, ClaimRam, bag);
            reasons.AddRange(PlanComparison.Differences(plan.Layouts, Board.LayoutFacts));
            reasons.AddRange(Place(Board));
        }
        catch (Exception e)
        {
            // Whatever a hostile descriptor provokes: nothing has happened yet, and the old process learns why.
            reasons.Add(e.Message);
        }

        return reasons;
    }

    /// <summary>Takes the guest: the compare-and-swap. From here on the machine is more than this attempt's.</summary>
    /// <returns>False when the old process was faster; the guest is its.</returns>
    internal bool TakeBaton() => _kept = _baton!.Take();

    /// <summary>Drops what was built, unless the guest was taken.</summary>
    public void Dispose()
    {
        _baton?.Dispose();
        if (!_kept)
        {
            // The names behind its back ends are the old process's.
            Board?.Release();
        }
    }

    private ReceivedRam ClaimRam(string block)
    {
        var planned = plan.Ram.FirstOrDefault(r => r.Name == block)
            ?? throw new HandoverException($"the old process has no RAM block '{block}'");
        var file = bag.Claim(DescriptorNames.Ram(block))
            ?? throw new HandoverException($"no descriptor came for RAM block '{block}'");
        return new ReceivedRam(file, planned.Identity);
    }

    private IEnumerable<string> Place(Board board)
    {
        foreach (var cpu in board.Vm.Cpus)
        {
            if (cpu.Index < plan.Placement.Count && plan.Placement[cpu.Index].TryApply(cpu.ThreadId) is { } problem)
            {
                yield return $"vCPU {cpu.Index}: its placement could not be applied: {problem}";
            }
        }
    }
}
