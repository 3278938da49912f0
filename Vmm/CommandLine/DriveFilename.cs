// file= of -drive is a path, or a protocol and a colon before it. Without one a block device of the host is told from a file by looking at it, as
// QEMU does.

using Vmm.Core.Backends.Block;
using Vmm.Core.Native;

namespace Vmm.CommandLine;

/// <summary>Reads the file name of a drive.</summary>
internal static class DriveFilename
{
    /// <summary>The driver and, for one that has a file, its path.</summary>
    internal static (string Driver, string? Path) Read(string name)
    {
        int end = name.AsSpan().IndexOfAny(':', '/');
        if (end < 0 || name[end] != ':')
        {
            return (DriverOf(name), name);
        }

        string protocol = name[..end];
        return protocol switch
        {
            FileNodeConfiguration.FileDriver or FileNodeConfiguration.HostDeviceDriver => (protocol, name[(end + 1)..]),
            NullNodeConfiguration.Name => (protocol, null),
            "json" => throw new CommandLineException("json: in a file name is not supported: describe the disk with -blockdev, or with file.driver= and file.filename="),
            _ => throw new CommandLineException(
                BlockDrivers.Refusal(protocol) ?? $"Unknown protocol '{protocol}': expected a path; one with a colon in it begins with ./ or /, or is given as file.filename="),
        };
    }

    /// <summary>The driver for a path.</summary>
    internal static string DriverOf(string path) =>
        !path.Contains('\0', StringComparison.Ordinal) && HostFile.StatPath(path) is { IsBlockDevice: true } ? FileNodeConfiguration.HostDeviceDriver : FileNodeConfiguration.FileDriver;
}
