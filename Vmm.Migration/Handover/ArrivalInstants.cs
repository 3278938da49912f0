// The instants of a pause as the new process saw them. They come to the old one with the news that the guest was taken, so that both
// account for the same pause.

using Vmm.Core.State;

namespace Vmm.Migration.Handover;

/// <summary>When the new process did what; nanoseconds of CLOCK_MONOTONIC.</summary>
/// <param name="Received">The state was here, whole and verified.</param>
/// <param name="Applied">It was in the hypervisor.</param>
/// <param name="Taken">The baton was taken.</param>
/// <param name="Running">The last vCPU went into the guest.</param>
internal readonly record struct ArrivalInstants(ulong Received, ulong Applied, ulong Taken, ulong Running)
{
    internal static ArrivalInstants Read(StateReader reader) =>
        new(reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt64());

    internal void Write(StateWriter writer)
    {
        writer.WriteUInt64(Received);
        writer.WriteUInt64(Applied);
        writer.WriteUInt64(Taken);
        writer.WriteUInt64(Running);
    }
}
