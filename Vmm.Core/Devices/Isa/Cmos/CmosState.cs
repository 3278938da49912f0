using Vmm.Core.State;

namespace Vmm.Core.Devices.Isa.Cmos;

/// <summary>What of the clock survives a handover: the selected register, the battery-backed bytes, the guest's idea of the time.</summary>
internal sealed class CmosState
{
    internal const int RegisterCount = 128;

    internal static readonly StateLayout<CmosState> Layout = new("mc146818rtc", version: 2, minimumVersion: 1)
    {
        { "cmos_data", s => s.Registers, RegisterCount },
        { "cmos_index", s => ref s.Selected },
        { "base_offset", s => ref s.Offset },
        { "noticed", s => ref s.EventsSeenUntil, 2 },
    };

    /// <summary>All 128 registers. Those of the time and date hold it only while the guest keeps the clock from running.</summary>
    internal readonly byte[] Registers = new byte[RegisterCount];

    /// <summary>The register that port 0x71 reads and writes, 0 to 127.</summary>
    internal byte Selected;

    /// <summary>The guest's time minus the host's, in units of 100 ns.</summary>
    internal long Offset;

    /// <summary>The instant of the guest's time up to which events were noticed, in units of 100 ns.</summary>
    internal long EventsSeenUntil;
}
