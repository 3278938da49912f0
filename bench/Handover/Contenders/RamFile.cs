// A guest's RAM as a file: the memfd among its process's descriptors. A process that maps it sees the guest's memory itself.

using System.Buffers.Binary;
using System.Globalization;
using Vmm.Bench.Processes;

namespace Vmm.Bench.Handover.Contenders;

/// <summary>Finds and asks a RAM file.</summary>
internal static class RamFile
{
    /// <summary>Where the tiny guests count.</summary>
    internal const long Counter = 0x200000;

    /// <summary>A word that lets a guest continue which waits for it.</summary>
    internal const long Go = 0x200008;

    /// <summary>Where the guest <c>queues</c> counts what came back on each queue of its disk, 64 bits each.</summary>
    internal const long Done = 0x200040;

    /// <summary>Where the guest <c>queues</c> counts the frames that came, 64 bits for each pair of its network card's queues.</summary>
    internal const long Frames = 0x200060;

    /// <summary>Where the guest <c>smp</c> counts.</summary>
    internal const long Slots = 0x9000;

    /// <summary>The path of a process's memfd of a size.</summary>
    internal static string Of(int process, long size)
    {
        foreach (string link in Directory.EnumerateFileSystemEntries($"/proc/{process}/fd"))
        {
            if (new FileInfo(link).LinkTarget?.StartsWith("/memfd:", StringComparison.Ordinal) == true)
            {
                using var file = File.OpenHandle(link, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
                if (RandomAccess.GetLength(file) == size)
                {
                    return link;
                }
            }
        }

        throw new InvalidOperationException($"process {process} has no memfd of {size} bytes");
    }

    /// <summary>Waits until the guest has counted beyond a number.</summary>
    internal static void WaitPast(string path, long offset, ulong count)
    {
        using var never = new ManualResetEventSlim();
        long deadline = Environment.TickCount64 + 60_000;
        while (Count(path, offset) <= count)
        {
            if (Environment.TickCount64 > deadline)
            {
                throw new TimeoutException($"the guest in {path} does not count");
            }

            never.Wait(1);
        }
    }

    /// <summary>Sets a 32-bit word to 1.</summary>
    internal static void Set(string path, long offset)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        RandomAccess.Write(file, [1, 0, 0, 0], offset);
    }

    /// <summary>Blocks that the file occupies.</summary>
    internal static long Blocks(Scratch scratch, string path) =>
        long.Parse(scratch.Output("stat", "-L", "-c", "%b", path), CultureInfo.InvariantCulture);

    /// <summary>A 64-bit count of the guest's.</summary>
    internal static ulong Count(string path, long offset)
    {
        Span<byte> bytes = stackalloc byte[8];
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return RandomAccess.Read(file, bytes, offset) == bytes.Length ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0;
    }
}
