using System.Runtime.InteropServices;

namespace Vmm.Tests.Faults;

/// <summary>Who may use a path.</summary>
internal static partial class Permissions
{
    private const uint Everybody = 0x1ff;

    /// <summary>Every user: one of the processes may be another user's.</summary>
    internal static void OpenToAll(string path)
    {
        if (ChangeMode(path, Everybody) != 0)
        {
            throw new IOException($"chmod {path}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeMode(string path, uint mode);
}
