// What a tiny guest that logs to its disk leaves in the image and in its memory; guests/disk-log.h is its other half. The image says what was
// written, the memory what the guest was told: a write that was reported as done and is not in the image was lost, one that is older than what
// followed it in its place was made twice, or by a process that did not have the guest.

using System.Buffers.Binary;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>Reads guest RAM.</summary>
/// <param name="offset">From its start.</param>
/// <param name="length">Bytes.</param>
internal delegate byte[] ReadRam(long offset, int length);

/// <summary>The log of one disk.</summary>
/// <param name="area">Where the driver has its counts and rings in RAM.</param>
/// <param name="rounds">How many sectors each request writes before it begins again.</param>
internal sealed class DiskLog(long area, int rounds)
{
    /// <summary>Requests that are in flight.</summary>
    internal const int Depth = 32;

    private const int Sector = 512;
    private const long Acknowledged = 0x3000;
    private const long Failed = 0x3200;
    private const int MostReads = 1000;

    /// <summary>Of the guest <c>disk</c>.</summary>
    internal static DiskLog Busy { get; } = new(0x220000, 1024);

    /// <summary>Of the guest <c>disk-ticker</c>.</summary>
    internal static DiskLog Ticker { get; } = new(0x220000, 64);

    /// <summary>Of the guest <c>entropy</c>, each disk's.</summary>
    internal static IReadOnlyList<DiskLog> Entropy { get; } = [new(0x220000, 64), new(0x228000, 64)];

    /// <summary>Makes an image that is as large as the log; it takes no room before it is written to.</summary>
    /// <param name="folder">Where; null for the test's.</param>
    /// <param name="name">The file's name; null for one that no other has.</param>
    /// <returns>Its path.</returns>
    internal string NewImage(string? folder = null, string? name = null)
    {
        string path = Path.Combine(folder ?? TestContext.CurrentContext.WorkDirectory, name ?? $"disk-{Guid.NewGuid():N}.img");
        using var image = File.Create(path);
        image.SetLength(Depth * rounds * Sector);
        return path;
    }

    /// <summary>How many writes of each request were reported as done.</summary>
    internal uint[] Counts(ReadRam ram)
    {
        byte[] bytes = ram(area + Acknowledged, Depth * sizeof(uint));
        return [.. Enumerable.Range(0, Depth).Select(request => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(request * sizeof(uint))))];
    }

    /// <summary>Which requests were not reported as done since: one that was lost never is.</summary>
    internal IEnumerable<int> Waiting(uint[] since, ReadRam ram) => Counts(ram).Zip(since).Index().Where(pair => pair.Item.First == pair.Item.Second).Select(pair => pair.Index);

    /// <summary>How many were reported as failed; each was made again.</summary>
    internal uint Failures(ReadRam ram) => BinaryPrimitives.ReadUInt32LittleEndian(ram(area + Failed, sizeof(uint)));

    /// <summary>
    /// The first write that was reported as done and is not in the image, or is there in part, or is older than it must be; null if there is none. The guest
    /// may be running.
    /// </summary>
    internal string? Deviation(string path, ReadRam ram)
    {
        uint[] counts = Counts(ram);
        using var image = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        for (int request = 0; request < Depth; request++)
        {
            uint acknowledged = counts[request];
            for (uint write = acknowledged > rounds ? acknowledged - (uint)rounds : 0; write < acknowledged; write++)
            {
                var (first, last, by) = ReadSector(image, request + (write % rounds * Depth));

                // What followed in the same place may be there already.
                if (first != last || by != request || first < write || (first - write) % rounds != 0)
                {
                    return $"write {write} of request {request}, of {acknowledged} that were reported as done: the image has {first}, {last} of request {by}";
                }
            }
        }

        return null;
    }

    /// <summary>Fails if a write deviates, or one was answered with an error.</summary>
    internal void Check(string path, ReadRam ram)
    {
        Assert.That(Failures(ram), Is.Zero, "writes that were answered with an error");
        Assert.That(Deviation(path, ram), Is.Null);
    }

    /// <summary>A sector that is being written may be read half old and half new: then it is read again.</summary>
    private static (uint First, uint Last, uint By) ReadSector(Microsoft.Win32.SafeHandles.SafeFileHandle image, long sector)
    {
        var bytes = new byte[Sector];
        for (int read = 1; ; read++)
        {
            RandomAccess.Read(image, bytes, sector * Sector);
            uint first = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            uint last = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(Sector - sizeof(uint)));
            if (first == last || read == MostReads)
            {
                return (first, last, BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(sizeof(uint))));
            }
        }
    }
}
