// The setup header at the start of a bzImage: what the kernel says about itself and what it needs to know.
//
// The file is a boot sector, some sectors of 16-bit code that a 64-bit entry skips, and then the kernel proper. The header
// is at offset 0x1f1 of the file, and at the same offset of the zero page, where the loader copies it and fills in its part.
// Every number in it is the file's claim and is checked before it is used.
// Source: Documentation/arch/x86/boot.rst in the Linux sources.

using System.Buffers.Binary;

namespace Vmm.Core.Boot;

/// <summary>A bzImage's setup header, checked.</summary>
internal sealed class LinuxSetupHeader
{
    /// <summary>Where the header begins, in the file and in the zero page.</summary>
    internal const int Start = 0x1f1;

    private const int MagicOffset = 0x202;
    private const int HeaderMost = 0x290;
    private const uint Magic = 0x53726448; // "HdrS"
    private const ushort BootFlag = 0xaa55;
    private const ushort OldestVersion = 0x020c;
    private const int Sector = 512;
    private const int SetupSectorsByDefault = 4;
    private const ushort Has64BitEntry = 1 << 0; // XLF_KERNEL_64
    private const ushort InitrdAbove2GiB = 1 << 1; // XLF_CAN_BE_LOADED_ABOVE_4G

    private readonly byte[] _bytes;

    private LinuxSetupHeader(BootFile file, byte[] bytes)
    {
        _bytes = bytes;
        int sectors = bytes[0x1f1] == 0 ? SetupSectorsByDefault : bytes[0x1f1];
        KernelOffset = (ulong)((sectors + 1) * Sector);
        Require(file, Word(0x1fe) == BootFlag, $"its boot flag is 0x{Word(0x1fe):x}, 0x{BootFlag:x} was expected");
        Require(file, Version >= OldestVersion, $"it speaks boot protocol {Version >> 8}.{Version & 0xff:d2}, at least {OldestVersion >> 8}.{OldestVersion & 0xff:d2} is needed");
        Require(file, (ExtendedFlags & Has64BitEntry) != 0, "it has no 64-bit entry point (XLF_KERNEL_64): a 64-bit kernel is needed");
        ulong whole = KernelOffset + (16UL * Dword(0x1f4));
        Require(file, Dword(0x1f4) != 0, "its kernel part has a length of 0");
        Require(file, whole <= file.Length, $"it is truncated: it has {file.Length} bytes, its header says {whole}");
        KernelLength = file.Length - KernelOffset;
    }

    /// <summary>Where in the file the kernel proper begins.</summary>
    internal ulong KernelOffset { get; }

    /// <summary>Its length in the file.</summary>
    internal ulong KernelLength { get; }

    /// <summary>Where it wants to be.</summary>
    internal ulong LoadAddress => Qword(0x258);

    /// <summary>Memory that it needs there until it has unpacked itself.</summary>
    internal ulong MemoryNeeded => Math.Max(Dword(0x260), KernelLength);

    /// <summary>The most bytes of command line it takes, without the NUL at the end.</summary>
    internal uint CommandLineMost => Dword(0x238);

    /// <summary>The highest address that an initial RAM disk may use.</summary>
    internal ulong InitrdLast => (ExtendedFlags & InitrdAbove2GiB) != 0 ? uint.MaxValue : Dword(0x22c);

    private ushort Version => Word(0x206);

    private ushort ExtendedFlags => Word(0x236);

    /// <summary>Whether a file is a Linux kernel with a setup header at all.</summary>
    internal static bool IsPresent(BootFile file)
    {
        Span<byte> magic = stackalloc byte[sizeof(uint)];
        if (file.Length < MagicOffset + sizeof(uint))
        {
            return false;
        }

        file.Read(MagicOffset, magic);
        return BinaryPrimitives.ReadUInt32LittleEndian(magic) == Magic;
    }

    /// <summary>Reads and checks the header.</summary>
    /// <exception cref="BootException">The kernel cannot be booted here, or its file is not whole.</exception>
    internal static LinuxSetupHeader Read(BootFile file)
    {
        if (file.Length < HeaderMost)
        {
            throw new BootException($"'{file.Path}' is truncated: it has {file.Length} bytes, not even its header of {HeaderMost}");
        }

        byte[] bytes = new byte[HeaderMost];
        file.Read(0, bytes);
        return new LinuxSetupHeader(file, bytes);
    }

    /// <summary>Copies the header as the kernel wrote it to its place in a zero page.</summary>
    internal void CopyTo(Span<byte> zeroPage)
    {
        int end = Math.Min(MagicOffset + _bytes[0x201], HeaderMost);
        _bytes.AsSpan(Start..end).CopyTo(zeroPage[Start..]);
    }

    private static void Require(BootFile file, bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new BootException($"'{file.Path}' is a Linux kernel that cannot be booted: {otherwise}");
        }
    }

    private ushort Word(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(offset));

    private uint Dword(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(offset));

    private ulong Qword(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(offset));
}
