// The first part of an outgoing handover, while the guest runs: greeting, descriptors, plan, and the peer's answer. What was sent stays known here.

using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Handover;

/// <summary>What the peer gets before it may have the guest. Machine loop only.</summary>
internal sealed class OutgoingOffer(Machine machine, MigrationParameters parameters, NewPeer peer, Baton baton)
{
    /// <summary>How many signs of life of a new process that waits for its operator are due before old gives it up.</summary>
    private const uint SignsOfLife = 4;

    private Plan? _plan;

    /// <summary>The protocol version that both speak; known when both have greeted.</summary>
    internal ushort Protocol { get; private set; }

    /// <summary>The descriptors that the peer has; they stay their owners'.</summary>
    internal IReadOnlyList<HandoverDescriptor> Descriptors { get; private set; } = [];

    /// <summary>Descriptors that the peer gets besides, and has no use for: it has them open.</summary>
    internal IReadOnlyList<HandoverDescriptor> Besides { get; set; } = [];

    /// <summary>The plan that it has.</summary>
    internal Plan Plan => _plan ?? throw new InvalidOperationException("no plan was sent");

    /// <summary>Greets, sends the plan, and waits until the peer has built the machine.</summary>
    internal async Task<ReadyReport> MakeReadyAsync(Board board, bool isPreflight)
    {
        Protocol = await peer.GreetAsync(parameters.CprConnectTimeout);
        Boundary.Passed(HandoverStep.OldGreeted);
        var ready = Deadline.In(parameters.CprReadyTimeout, peer.Name, "was not ready");
        await Paced.RunAsync(() => SendDescriptorsAsync(ready), () => SendPlanAsync(board, isPreflight, ready));
        Boundary.Passed(HandoverStep.OldPlanSent);
        return ReadyReport.Read((await ExpectReadyAsync(ready)).Reader(), Protocol);
    }

    /// <summary>Where the new process lacks a back end, its command line is what the operator wants to know.</summary>
    private async Task<Message> ExpectReadyAsync(Deadline ready)
    {
        try
        {
            return await peer.ExpectAsync(MessageType.Ready, ready);
        }
        catch (PlanRefusedException refusal)
            when (MissingOptions.Of(machine, refusal) is { } missing)
        {
            throw refusal.With(missing);
        }
    }

    private Task SendDescriptorsAsync(Deadline ready)
    {
        Descriptors = [.. machine.Handover.Descriptors, new HandoverDescriptor(DescriptorNames.Baton, baton.File)];
        return peer.SendDescriptorsAsync([.. Descriptors, .. Besides], ready);
    }

    private async Task SendPlanAsync(Board board, bool isPreflight, Deadline ready)
    {
        var body = new StateWriter();
        uint signOfLifeWithin = Math.Max(1, parameters.CprConnectTimeout / SignsOfLife);
        _plan = OutgoingPlan.Of(machine, board, baton.Attempt, parameters.CprPrefaultBudget, signOfLifeWithin, isPreflight);
        PlanCodec.Write(body, _plan, Protocol);
        await peer.SendAsync(MessageType.Plan, body, ready);
    }
}
