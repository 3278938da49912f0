namespace Vmm.Migration.Streams;

/// <summary>The numbers of QEMU's VM state stream, version 3. All integers are big endian.</summary>
internal static class VmStateStream
{
    /// <summary>"QEVM".</summary>
    internal const uint Magic = 0x5145_564d;

    internal const uint Version = 3;

    internal const byte End = 0x00;
    internal const byte SectionStart = 0x01;
    internal const byte SectionEnd = 0x03;
    internal const byte SectionFull = 0x04;
    internal const byte Configuration = 0x07;
    internal const byte Footer = 0x7e;

    internal const string RamSection = "ram";
    internal const uint RamVersion = 4;

    /// <summary>A table of RAM blocks follows; in the low bits of their total length.</summary>
    internal const ulong RamTable = 0x04;

    /// <summary>The end of a RAM section.</summary>
    internal const ulong RamEnd = 0x10;
}
