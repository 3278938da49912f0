namespace Vmm.Migration.Streams;

/// <summary>The numbers of QEMU's VM state stream, version 3. All integers are big endian.</summary>
internal static class VmStateStream
{
    /// <summary>"QEVM".</summary>
    internal const uint Magic = 0x5145_564d;

    internal const uint Version = 3;

    internal const byte End = 0x00;
    internal const byte SectionStart = 0x01;
    internal const byte SectionPart = 0x02;
    internal const byte SectionEnd = 0x03;
    internal const byte SectionFull = 0x04;
    internal const byte Description = 0x06;
    internal const byte Configuration = 0x07;
    internal const byte Footer = 0x7e;

    internal const string RamSection = "ram";
    internal const uint RamVersion = 4;

    /// <summary>The size of the pages that RAM is written in.</summary>
    internal const int PageSize = 4096;

    /// <summary>In the low bits of a page's offset: a page filled with one byte, which follows.</summary>
    internal const ulong RamFill = 0x02;

    /// <summary>A table of RAM blocks follows; in the low bits of their total length.</summary>
    internal const ulong RamTable = 0x04;

    /// <summary>A page's bytes follow.</summary>
    internal const ulong RamPage = 0x08;

    /// <summary>The end of a RAM section.</summary>
    internal const ulong RamEnd = 0x10;

    /// <summary>The block is that of the page before; otherwise its name follows.</summary>
    internal const ulong RamSameBlock = 0x20;
}
