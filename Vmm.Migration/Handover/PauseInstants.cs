// The instants of a pause as the old process saw them. They follow the state, so that the new process can account for the
// whole pause as well: CLOCK_MONOTONIC is one clock for both.

using Vmm.Core.Machines;
using Vmm.Core.State;

namespace Vmm.Migration.Handover;

/// <summary>When the old process did what; nanoseconds of CLOCK_MONOTONIC.</summary>
/// <param name="Begin">It decided to stop the guest.</param>
/// <param name="Quiesced">The back ends were quiesced.</param>
/// <param name="Stopped">Every vCPU was out of the guest.</param>
/// <param name="Saved">The state was in bytes.</param>
internal readonly record struct PauseInstants(ulong Begin, ulong Quiesced, ulong Stopped, ulong Saved)
{
    /// <summary>Bytes behind the state.</summary>
    internal const int Size = 32;

    internal static PauseInstants Of(HandoverPause pause) => new(pause.Begin, pause.Quiesced, pause.Stopped, Instant.Now);

    internal static PauseInstants Read(ReadOnlyMemory<byte> bytes)
    {
        var reader = new StateReader(bytes);
        return new PauseInstants(reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt64());
    }

    internal void Write(StateWriter writer)
    {
        writer.WriteUInt64(Begin);
        writer.WriteUInt64(Quiesced);
        writer.WriteUInt64(Stopped);
        writer.WriteUInt64(Saved);
    }
}
