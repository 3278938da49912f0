using System.Buffers.Binary;
using Vmm.Core.Boot;
using Vmm.Core.Configuration;
using Vmm.Core.Memory;

namespace Vmm.Tests.Unit.Boot;

/// <summary>Kernels as files, good ones to be spoilt.</summary>
internal static class Images
{
    /// <summary>Where the kernels here want to be.</summary>
    internal const ulong LoadAddress = 0x100000;

    /// <summary>Guest memory of a size.</summary>
    internal static GuestMemory Ram(ulong size) => new(RamBlock.Create(new MemoryBackendConfiguration(MemoryBackendKind.Memfd, "mem0", size)));

    /// <summary>An ELF file: its header, a load segment and a note segment, then "code" and the PVH note.</summary>
    internal static byte[] Elf(bool is64, Action<byte[]>? spoil = null)
    {
        const int Code = 0x100;
        const int Note = 0x200;
        const int End = 0x220;
        byte[] file = new byte[End];
        "\x7f\x45\x4c\x46"u8.CopyTo(file);
        file[4] = (byte)(is64 ? 2 : 1);
        file[5] = 1;
        Word(file, 18, is64 ? 62 : 3);
        int headers = is64 ? 64 : 52;
        int length = is64 ? 56 : 32;
        Dword(file, is64 ? 32 : 28, headers);
        Word(file, is64 ? 54 : 42, length);
        Word(file, is64 ? 56 : 44, 2);
        Segment(file, headers, is64, type: 1, Code, 16, LoadAddress, 64);
        Segment(file, headers + length, is64, type: 4, Note, 20, 0, 20);
        "machine code 16!"u8.CopyTo(file.AsSpan(Code));
        Dword(file, Note, 4);
        Dword(file, Note + 4, 4);
        Dword(file, Note + 8, 18);
        "Xen\0"u8.CopyTo(file.AsSpan(Note + 12));
        Dword(file, Note + 16, (int)LoadAddress);
        spoil?.Invoke(file);
        return file;
    }

    /// <summary>A bzImage: a setup sector with the header, one further setup sector, and the kernel.</summary>
    internal static byte[] BzImage(Action<byte[]>? spoil = null)
    {
        byte[] file = new byte[2048];
        file[0x1f1] = 1;
        Dword(file, 0x1f4, 1024 / 16);
        Word(file, 0x1fe, 0xaa55);
        file[0x201] = 0x6a;
        "HdrS"u8.CopyTo(file.AsSpan(0x202));
        Word(file, 0x206, 0x020f);
        Dword(file, 0x22c, 0x7fffffff);
        Word(file, 0x236, 1);
        Dword(file, 0x238, 2047);
        Dword(file, 0x258, (int)LoadAddress);
        Dword(file, 0x260, 1 << 20);
        file.AsSpan(1024).Fill(0xcc);
        spoil?.Invoke(file);
        return file;
    }

    internal static void Word(byte[] bytes, int offset, int value) => BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(offset), (ushort)value);

    internal static void Dword(byte[] bytes, int offset, int value) => BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(offset), value);

    internal static void Qword(byte[] bytes, int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(offset), value);

    /// <summary>Reads guest memory.</summary>
    internal static byte[] Bytes(this GuestMemory memory, ulong address, int count)
    {
        byte[] bytes = new byte[count];
        memory.Read(address, bytes);
        return bytes;
    }

    internal static uint Dword(this GuestMemory memory, ulong address) => BinaryPrimitives.ReadUInt32LittleEndian(memory.Bytes(address, 4));

    internal static ulong Qword(this GuestMemory memory, ulong address) => BinaryPrimitives.ReadUInt64LittleEndian(memory.Bytes(address, 8));

    /// <summary>The error of booting a kernel with 16 MiB of RAM.</summary>
    internal static string Refusal(byte[] kernel, byte[]? initrd = null, string commandLine = "", ulong ram = 16 << 20)
    {
        using var folder = new Folder();
        using var memory = Ram(ram);
        using var loader = BootLoader.Open(folder.File("kernel", kernel), initrd is null ? null : folder.File("initrd", initrd));
        return Assert.Throws<BootException>(() => loader.Load(memory, new BootParameters { CommandLine = commandLine }))!.Message;
    }

    /// <summary>A folder that goes with everything in it.</summary>
    internal sealed class Folder : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vmm-boot-");

        public void Dispose() => _folder.Delete(recursive: true);

        internal string Path(string name) => System.IO.Path.Combine(_folder.FullName, name);

        internal string File(string name, byte[] contents)
        {
            System.IO.File.WriteAllBytes(Path(name), contents);
            return Path(name);
        }
    }

    private static void Segment(byte[] file, int at, bool is64, int type, int offset, int fileLength, ulong address, int memoryLength)
    {
        Dword(file, at, type);
        if (is64)
        {
            Qword(file, at + 8, (ulong)offset);
            Qword(file, at + 24, address);
            Qword(file, at + 32, (ulong)fileLength);
            Qword(file, at + 40, (ulong)memoryLength);
            Qword(file, at + 48, 4);
        }
        else
        {
            Dword(file, at + 4, offset);
            Dword(file, at + 12, (int)address);
            Dword(file, at + 16, fileLength);
            Dword(file, at + 20, memoryLength);
            Dword(file, at + 28, 4);
        }
    }
}
