// The locks by which users of an image exclude each other, QEMU and qemu-img among them.
//
// A user locks a byte of the image for each thing that it does (100 + n), and one for each that it does not let others do (200 + n), where n is
// the number of the permission. All locks are shared ones: they only say something. A user that arrives sets its own and then looks for what
// it cannot live with: whether another file has locked "does it" of what it does not let others do, or "does not let" of what it does.
//
// The locks belong to the open file description (OFD locks). So they cross a live update with the descriptor, without an instant in which
// a third could take them, and go when the last descriptor of it is closed. The next process never sets them: it opened nothing.
// Source of the bytes: QEMU's file-posix driver.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Block;

/// <summary>The locks of one open image. Not thread-safe.</summary>
/// <param name="file">The image.</param>
/// <param name="path">Its path, for messages.</param>
/// <param name="mustLock">Whether a file system that knows no locks is an error.</param>
internal sealed class ImageLocks(SafeFileHandle file, string path, bool mustLock)
{
    private const long InUse = 100;
    private const long NotShared = 200;
    private const int InvalidArgument = 22; // EINVAL
    private const int NoSuchCall = 38; // ENOSYS
    private const int NotSupported = 95; // EOPNOTSUPP

    private static readonly (BlockPermissions Permission, int Number, string Name)[] Permissions =
    [
        (BlockPermissions.ConsistentRead, 0, "consistent read"),
        (BlockPermissions.Write, 1, "write"),
        (BlockPermissions.WriteUnchanged, 2, "write unchanged"),
        (BlockPermissions.Resize, 3, "resize"),
    ];

    private BlockPermissions _uses;
    private BlockPermissions _shares = BlockPermissions.All;

    /// <summary>Takes an image into use.</summary>
    /// <param name="uses">What its user does.</param>
    /// <param name="shares">What others may do meanwhile.</param>
    /// <exception cref="BlockException">Another user is in the way; nothing is locked that was not before.</exception>
    internal void Take(BlockPermissions uses, BlockPermissions shares)
    {
        try
        {
            foreach (var (permission, number, _) in Permissions)
            {
                if (uses.HasFlag(permission) && !_uses.HasFlag(permission))
                {
                    Set(InUse + number);
                }

                if (!shares.HasFlag(permission) && _shares.HasFlag(permission))
                {
                    Set(NotShared + number);
                }
            }

            Check(uses, shares);
        }
        catch (PosixException e) when (!mustLock && e.Errno is InvalidArgument or NoSuchCall or NotSupported)
        {
            // A file system that knows no such locks. Any other refusal, such as a lock table that is full, is an error: the image may be in use.
            Restore(uses, shares);
            return;
        }
        catch (Exception e)
        {
            Restore(uses, shares);
            throw e is PosixException refused
                ? new BlockException($"Failed to lock byte {InUse} of '{path}': {refused.Reason}: expected a file system with locks, or locking=auto or off", e)
                : e;
        }

        (_uses, _shares) = (uses, shares);
    }

    private void Set(long offset)
    {
        if (!FileLocks.TryShareByte(file, offset))
        {
            throw new BlockException($"Failed to lock byte {offset} of '{path}'. {Hint}");
        }
    }

    private void Check(BlockPermissions uses, BlockPermissions shares)
    {
        foreach (var (permission, number, name) in Permissions)
        {
            if (uses.HasFlag(permission) && FileLocks.IsByteLocked(file, NotShared + number))
            {
                throw new BlockException($"Failed to get \"{name}\" lock. {Hint}");
            }

            if (!shares.HasFlag(permission) && FileLocks.IsByteLocked(file, InUse + number))
            {
                throw new BlockException($"Failed to get shared \"{name}\" lock. {Hint}");
            }
        }
    }

    /// <summary>Unlocks what an attempt has locked beyond what was locked before.</summary>
    private void Restore(BlockPermissions uses, BlockPermissions shares)
    {
        foreach (var (permission, number, _) in Permissions)
        {
            if (uses.HasFlag(permission) && !_uses.HasFlag(permission))
            {
                TryUnlock(InUse + number);
            }

            if (!shares.HasFlag(permission) && _shares.HasFlag(permission))
            {
                TryUnlock(NotShared + number);
            }
        }
    }

    private void TryUnlock(long offset)
    {
        try
        {
            FileLocks.UnlockByte(file, offset);
        }
        catch (PosixException)
        {
            // The file is closed after the failed attempt, which unlocks it too.
        }
    }

    private string Hint => $"Is another process using the image [{path}]?";
}
