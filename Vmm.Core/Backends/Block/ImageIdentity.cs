using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Block;

/// <summary>Which file a block node has open, and how: what a plan promises, and the receiver of the descriptor checks before the guest is stopped.</summary>
/// <param name="NodeName">The node.</param>
/// <param name="Device">The device that the file lives on, major number in the upper half.</param>
/// <param name="Inode">Its inode number there.</param>
/// <param name="Access">How it was opened: access mode, O_APPEND and O_DIRECT, as F_GETFL reports them.</param>
public readonly record struct ImageIdentity(string NodeName, ulong Device, ulong Inode, uint Access)
{
    /// <summary>Whether it is open for writing.</summary>
    public bool IsWritten => FileDescriptor.Writes(Access);

    /// <summary>The identity of an open file.</summary>
    /// <exception cref="PosixException">The kernel does not say.</exception>
    internal static ImageIdentity Of(string nodeName, SafeFileHandle file)
    {
        var status = HostFile.Stat(file);
        return new ImageIdentity(nodeName, status.Device, status.Inode, FileDescriptor.AccessOf(file));
    }

    /// <summary>What of the images that came is not what was promised; empty when all is.</summary>
    public static IEnumerable<string> Differences(IReadOnlyCollection<ImageIdentity> promised, IEnumerable<ImageIdentity> received)
    {
        foreach (var image in received)
        {
            string text = promised.FirstOrDefault(other => other.NodeName == image.NodeName) is not { NodeName: not null } expected
                ? "the old process does not say which file it is"
                : string.Join(", ", image.DifferencesFrom(expected));
            if (text.Length > 0)
            {
                yield return $"block node '{image.NodeName}': {text}";
            }
        }
    }

    private IEnumerable<string> DifferencesFrom(ImageIdentity promised)
    {
        (string What, ulong Found, ulong Expected)[] parts =
        [
            ("device", Device, promised.Device), ("inode", Inode, promised.Inode), ("open flags", Access, promised.Access),
        ];
        return parts.Where(part => part.Found != part.Expected).Select(part => string.Create(
            CultureInfo.InvariantCulture, $"{part.What} 0x{part.Found:x} where 0x{part.Expected:x} was promised"));
    }
}
