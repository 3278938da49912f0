using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Vmm.Tests.Faults;

/// <summary>The guest's RAM, opened once from outside: it stays the same file wherever the guest goes.</summary>
internal sealed class RamFile : IDisposable
{
    private const long Counter = 0x200000;
    private const long ServedBuffers = 0x200010;
    private const long Queues = 0x210000;
    private const int PageSize = 0x1000;

    private readonly SafeFileHandle _file;

    private RamFile(SafeFileHandle file) => _file = file;

    /// <summary>A digest of every byte.</summary>
    internal string Digest => Convert.ToHexString(SHA256.HashData(Read(0, (int)Party.RamSize)));

    /// <summary>How far the guest has counted: the last number whose line it has finished.</summary>
    internal ulong Count => BinaryPrimitives.ReadUInt64LittleEndian(Read(Counter, sizeof(ulong)));

    /// <summary>How many buffers a virtio device has given back, as its interrupts have said to the guest; of 16 bits.</summary>
    internal uint Served(int device) => BinaryPrimitives.ReadUInt32LittleEndian(Read(ServedBuffers + (device * sizeof(uint)), sizeof(uint)));

    /// <summary>How far the queue of an entropy device has come, for messages.</summary>
    internal string Queue(int device)
    {
        const int Available = 0x102;
        const int Used = 0x202;
        byte[] page = Read(Queues + (device * PageSize), PageSize);
        return $"offered {BinaryPrimitives.ReadUInt16LittleEndian(page.AsSpan(Available))}, given back {BinaryPrimitives.ReadUInt16LittleEndian(page.AsSpan(Used))}, noticed {Served(device)}";
    }

    /// <summary>Reads a part of it.</summary>
    internal byte[] Read(long offset, int length)
    {
        var bytes = new byte[length];
        return RandomAccess.Read(_file, bytes, offset) == length ? bytes : throw new EndOfStreamException($"RAM ends before {offset + length}");
    }

    /// <summary>Finds it among a process's descriptors: the memfd of its size.</summary>
    internal static RamFile Of(Party party)
    {
        foreach (string link in Directory.EnumerateFileSystemEntries($"/proc/{party.Process.Pid}/fd"))
        {
            if (new FileInfo(link).LinkTarget?.StartsWith("/memfd:", StringComparison.Ordinal) == true)
            {
                var file = File.OpenHandle(link, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
                if (RandomAccess.GetLength(file) == Party.RamSize)
                {
                    return new RamFile(file);
                }

                file.Dispose();
            }
        }

        throw new InvalidOperationException($"process {party.Name} has no memfd of {Party.RamSize} bytes");
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
