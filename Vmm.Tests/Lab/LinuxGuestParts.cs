// Most Linux guests in the tests run vmm as it is published, from the disk that the host has. Some need another disk or a variant of the program,
// which are too large, or too seldom needed, to be part of every host; those are brought there when the guest is booted, compressed on the way.

using System.IO.Compression;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>What a Linux guest has that others have not; the paths are this machine's.</summary>
internal sealed record LinuxGuestParts
{
    /// <summary>Nothing.</summary>
    internal static readonly LinuxGuestParts None = new();

    /// <summary>The image of its disk, instead of the host's.</summary>
    internal string? Disk { get; init; }

    /// <summary>The program that runs it, instead of the host's vmm.</summary>
    internal string? Program { get; init; }

    /// <summary>Whether that program reports its steps in an update to an observer and waits for permission to continue.</summary>
    internal bool ReportsSteps { get; init; }

    /// <summary>Makes the guest's own copy of its disk.</summary>
    internal Task PutDiskAsync(IHost host, string path) =>
        Disk is null ? host.RunAsync($"cp {Shell.Quote(host.GuestDisk)} {Shell.Quote(path)}") : PutAsync(host, Disk, path);

    /// <summary>Brings the program to the host if it is not there.</summary>
    internal async Task PutProgramAsync(IHost host, string path)
    {
        if (Program is not null)
        {
            await PutAsync(host, Program, path);
            await host.RunAsync($"chmod +x {Shell.Quote(path)}");
        }
    }

    private static async Task PutAsync(IHost host, string from, string to)
    {
        using var compressed = new MemoryStream();
        await using (var file = File.OpenRead(from))
        {
            await using var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true);
            await file.CopyToAsync(gzip);
        }

        await host.WriteFileAsync($"{to}.gz", compressed.ToArray());
        await host.RunAsync($"gunzip -f {Shell.Quote($"{to}.gz")}");
    }
}
