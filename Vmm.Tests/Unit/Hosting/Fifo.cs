using System.Runtime.InteropServices;

namespace Vmm.Tests.Unit.Hosting;

/// <summary>Named pipes, whose careless opening waits.</summary>
internal static partial class Fifo
{
    private const uint OwnerOnly = 0x180; // 0600

    /// <summary>Makes one.</summary>
    internal static void Make(string path)
    {
        if (MakeFifo(path, OwnerOnly) != 0)
        {
            throw new IOException($"mkfifo {path}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeFifo(string path, uint mode);
}
