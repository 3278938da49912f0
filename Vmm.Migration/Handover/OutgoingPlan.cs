using Vmm.Core.Machines;
using Vmm.Migration.Plans;

namespace Vmm.Migration.Handover;

/// <summary>Draws up the old process's plan.</summary>
internal static class OutgoingPlan
{
    internal static Plan Of(Machine machine, Board board, ulong attempt, uint prefaultBudget, uint signOfLifeWithin, bool isPreflight) => new()
    {
        Attempt = attempt,
        GuestVisible = [.. machine.GuestVisible],
        HostOnly = [.. machine.HostOnly],
        Layouts = [.. board.Sections.Select(section => section.LayoutProperty)],
        Ram = [.. board.Ram.Select(block => new PlannedRam(block.Name, block.Size, block.Identity!.Value))],
        Images = [.. board.Blocks.Identities],
        BoardRevision = (uint)board.Revision,
        GuestAbi = board.Vm.GuestAbi,
        Placement = [.. board.Vm.Cpus.Select(cpu => ThreadPlacement.Of(cpu.ThreadId))],
        Host = HostPlacement.OfThisProcess(),
        PrefaultBudget = prefaultBudget,
        SignOfLifeWithin = signOfLifeWithin,
        IsPreflight = isPreflight,
    };
}
