using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;

namespace Vmm.Migration.Handover;

/// <summary>What the new process reports when it has built the machine.</summary>
/// <param name="Prefault">How long it touched RAM ahead, in microseconds.</param>
/// <param name="Rehearsed">How long it took to save and load the machine, in microseconds; null where the protocol is version 1, which does not report it.</param>
/// <param name="Warnings">What is not as in the old process although the guest can run here; none in version 1.</param>
internal sealed record ReadyReport(ulong Prefault, ulong? Rehearsed, IReadOnlyList<string> Warnings)
{
    /// <summary>The first protocol version that reports more than the time of touching RAM.</summary>
    private const ushort HasMore = 2;

    /// <summary>The body of the message for a peer that speaks this version of the protocol.</summary>
    internal StateWriter Write(ushort protocol)
    {
        var body = new StateWriter(64);
        body.WriteUInt64(Prefault);
        if (protocol >= HasMore)
        {
            body.WriteUInt64(Rehearsed ?? 0);
            PlanCodec.WriteList(body, PeerText.Of(Warnings), body.WriteText);
        }

        return body;
    }

    /// <summary>Reads the message of a peer that speaks this version of the protocol.</summary>
    /// <exception cref="StateException">The bytes are no such report.</exception>
    internal static ReadyReport Read(StateReader body, ushort protocol) => protocol >= HasMore
        ? new ReadyReport(body.ReadUInt64(), body.ReadUInt64(), PlanCodec.ReadTexts(body))
        : new ReadyReport(body.ReadUInt64(), null, []);
}
