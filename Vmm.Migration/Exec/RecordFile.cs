using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Migration.Exec;

/// <summary>The anonymous file of a record.</summary>
internal static class RecordFile
{
    /// <summary>More than any record has.</summary>
    private const ulong Largest = 1UL << 30;

    /// <summary>Creates an empty one.</summary>
    /// <exception cref="PosixException">The host gives none.</exception>
    internal static SafeFileHandle Create() => AnonymousFile.Create("vmm-exec-state");

    /// <summary>Writes a record.</summary>
    /// <exception cref="PosixException">The host has no memory for it.</exception>
    internal static void Write(SafeFileHandle file, ReadOnlySpan<byte> record) => HostFile.WriteAt(file, record, 0);

    /// <summary>Reads a file that should hold one.</summary>
    /// <exception cref="IOException">It is no such file.</exception>
    internal static byte[] Read(SafeFileHandle file)
    {
        var status = HostFile.Stat(file);
        if (!status.IsRegular || status.Size is 0 or > Largest)
        {
            throw new IOException($"it is {status.KindName} of {status.Size} bytes; a record of 1 to {Largest} bytes was expected");
        }

        byte[] bytes = new byte[status.Size];
        int count = AnonymousFile.Read(file, bytes);
        return count == bytes.Length ? bytes : throw new IOException($"it ends after {count} of {bytes.Length} bytes");
    }
}
