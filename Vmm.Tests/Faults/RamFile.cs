using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Vmm.Tests.Faults;

/// <summary>The guest's RAM, opened once from outside: it stays the same file wherever the guest goes.</summary>
internal sealed class RamFile : IDisposable
{
    private const long Counter = 0x200000;
    private const long ServedBuffers = 0x200010;

    private readonly SafeFileHandle _file;

    private RamFile(SafeFileHandle file) => _file = file;

    /// <summary>A digest of every byte.</summary>
    internal string Digest
    {
        get
        {
            var bytes = new byte[Party.RamSize];
            RandomAccess.Read(_file, bytes, 0);
            return Convert.ToHexString(SHA256.HashData(bytes));
        }
    }

    /// <summary>How far the guest has counted: the last number whose line it has finished.</summary>
    internal ulong Count
    {
        get
        {
            Span<byte> count = stackalloc byte[sizeof(ulong)];
            RandomAccess.Read(_file, count, Counter);
            return BinaryPrimitives.ReadUInt64LittleEndian(count);
        }
    }

    /// <summary>How many buffers a virtio device has given back, as its interrupts have said to the guest; of 16 bits.</summary>
    internal uint Served(int device)
    {
        Span<byte> count = stackalloc byte[sizeof(uint)];
        RandomAccess.Read(_file, count, ServedBuffers + (device * sizeof(uint)));
        return BinaryPrimitives.ReadUInt32LittleEndian(count);
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
