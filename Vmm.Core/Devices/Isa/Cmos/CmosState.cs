using Vmm.Core.State;

namespace Vmm.Core.Devices.Isa.Cmos;

/// <summary>What of the clock survives a handover: the selected register, the battery-backed bytes, the guest's idea of the time.</summary>
public sealed class CmosState
{
    internal const int RegisterCount = 128;

    internal static readonly StateLayout<CmosState> Layout = new("mc146818rtc", version: 2, minimumVersion: 1)
    {
        { "cmos_data", s => s.Registers, RegisterCount },
        { "cmos_index", s => ref s.Selected },
        { "base_offset", s => ref s.Offset },
        { "noticed", s => ref s.Noticed, 2 },
    };

    private readonly byte[] _registers = new byte[RegisterCount];
    private byte _selected;
    private long _offset;
    private long _noticed;

    /// <summary>The register that port 0x71 reads and writes, 0 to 127.</summary>
    public ref byte Selected => ref _selected;

    /// <summary>All 128 registers. Those that tell the time hold it only while the guest keeps the clock from running.</summary>
    public Span<byte> Registers => _registers;

    /// <summary>The instant of the guest's time up to which events were noticed, in units of 100 ns.</summary>
    public ref long Noticed => ref _noticed;

    /// <summary>The guest's time minus the host's, in units of 100 ns.</summary>
    public ref long Offset => ref _offset;
}
