namespace Vmm.Core.Devices.IoApic;

/// <summary>The registers of an 82093AA I/O APIC. Source: Intel 82093AA data sheet, chapter 3.</summary>
internal static class IoApicRegisters
{
    /// <summary>Where the second I/O APIC of a machine is, as in QEMU's microvm.</summary>
    internal const ulong Address = 0xfec10000;

    /// <summary>Bytes that it answers.</summary>
    internal const ulong Length = 0x1000;

    /// <summary>The global system interrupt of its first input.</summary>
    internal const int FirstInterrupt = 24;

    /// <summary>Its inputs.</summary>
    internal const int Inputs = 24;

    /// <summary>Its id in the MADT and at power-on.</summary>
    internal const byte Id = 1;

    /// <summary>Selects what <see cref="Window"/> reaches.</summary>
    internal const ulong Select = 0x00;

    /// <summary>The selected register.</summary>
    internal const ulong Window = 0x10;

    /// <summary>Index of the identification register: the id in bits 24 to 27.</summary>
    internal const byte IdIndex = 0x00;

    /// <summary>Index of the version register: the version in bits 0 to 7, the last input in bits 16 to 23.</summary>
    internal const byte VersionIndex = 0x01;

    /// <summary>Index of the arbitration register, which holds the id as well.</summary>
    internal const byte ArbitrationIndex = 0x02;

    /// <summary>Index of the first half of the first redirection entry; there are two a piece.</summary>
    internal const byte FirstEntryIndex = 0x10;

    /// <summary>The version: one with an end-of-interrupt register.</summary>
    internal const uint ChipVersion = 0x20;

    /// <summary>Bit of a redirection entry: the input is masked.</summary>
    internal const ulong Masked = 1 << 16;

    /// <summary>Bits of a redirection entry that only the device changes: delivery status and remote IRR.</summary>
    internal const ulong ReadOnly = (1 << 12) | (1 << 14);
}
