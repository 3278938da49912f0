using System.Buffers.Binary;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>What the guest <c>disk</c> leaves in its image and in its memory; see guests/disk.S.</summary>
internal static class DiskLog
{
    internal const int Depth = 32;

    private const int Rounds = 1024;
    private const int Sector = 512;

    /// <summary>Makes an image that is as large as the guest's log; it takes no room before it is written to.</summary>
    internal static string NewImage(string? folder = null)
    {
        string path = Path.Combine(folder ?? TestContext.CurrentContext.WorkDirectory, $"disk-{Guid.NewGuid():N}.img");
        using var image = File.Create(path);
        image.SetLength(Depth * Rounds * Sector);
        return path;
    }

    /// <summary>Fails if a write that the guest was told is done is not in the image, is there in part, or is older than it must be.</summary>
    internal static void Check(string path, GuestRam ram)
    {
        using var image = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        Assert.That(ram.DiskErrors, Is.Zero, "writes that were answered with an error");
        var sector = new byte[Sector];
        for (int request = 0; request < Depth; request++)
        {
            uint acknowledged = ram.DiskWrites(request);
            for (uint write = acknowledged > Rounds ? acknowledged - Rounds : 0; write < acknowledged; write++)
            {
                RandomAccess.Read(image, sector, (request + (write % Rounds * Depth)) * Sector);
                uint first = BinaryPrimitives.ReadUInt32LittleEndian(sector);
                uint last = BinaryPrimitives.ReadUInt32LittleEndian(sector.AsSpan(Sector - 4));
                uint by = BinaryPrimitives.ReadUInt32LittleEndian(sector.AsSpan(4));

                // What is not acknowledged yet may be there already, in the place of what was written a round before.
                if (first != last || by != request || (first != write && first != write + Rounds))
                {
                    Assert.Fail($"write {write} of request {request}, of {acknowledged} acknowledged: {first}, {last} of request {by} found");
                }
            }
        }
    }
}
