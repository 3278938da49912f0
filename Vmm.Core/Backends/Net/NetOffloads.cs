namespace Vmm.Core.Backends.Net;

/// <summary>What a guest completes itself of the frames that it receives, so that the host may leave it open; the values of TUNSETOFFLOAD.</summary>
[Flags]
public enum NetOffloads
{
    /// <summary>Nothing: every frame is whole.</summary>
    None = 0,

    /// <summary>Checksums. The others need it.</summary>
    Checksum = 0x01,

    /// <summary>The segmentation of TCP over IPv4.</summary>
    Tso4 = 0x02,

    /// <summary>The segmentation of TCP over IPv6.</summary>
    Tso6 = 0x04,

    /// <summary>The segmentation of TCP with explicit congestion notification.</summary>
    TsoEcn = 0x08,

    /// <summary>The fragmentation of UDP.</summary>
    Ufo = 0x10,

    /// <summary>All of them.</summary>
    All = Checksum | Tso4 | Tso6 | TsoEcn | Ufo,
}
