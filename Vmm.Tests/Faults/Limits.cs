using System.Runtime.InteropServices;

namespace Vmm.Tests.Faults;

/// <summary>Takes resources away from another process, and gives them back.</summary>
internal static partial class Limits
{
    private const int OpenFiles = 7;
    private const int AddressSpace = 9;

    /// <summary>It can open no further descriptor: EMFILE.</summary>
    internal static IDisposable NoDescriptors(this Party party)
    {
        var used = Directory.EnumerateFileSystemEntries($"/proc/{party.Process.Pid}/fd").Select(Path.GetFileName).ToHashSet();
        int lowestFree = Enumerable.Range(0, int.MaxValue).First(n => !used.Contains($"{n}"));
        return new Limit(party.Process.Pid, OpenFiles, (ulong)lowestFree);
    }

    /// <summary>It can map no further memory: ENOMEM.</summary>
    internal static IDisposable NoMemory(this Party party) => new Limit(party.Process.Pid, AddressSpace, 4096);

    [LibraryImport("libc", EntryPoint = "prlimit", SetLastError = true)]
    private static partial int SetLimit(int process, int resource, in Pair now, out Pair before);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Pair(ulong Soft, ulong Hard);

    /// <summary>The soft limit, until disposed.</summary>
    private sealed class Limit : IDisposable
    {
        private readonly int _process;
        private readonly int _resource;
        private readonly Pair _before;

        internal Limit(int process, int resource, ulong least)
        {
            (_process, _resource) = (process, resource);
            Check(GetLimit(process, resource, 0, out _before));
            Pair now = _before with { Soft = least };
            Check(SetLimit(process, resource, in now, out _));
        }

        public void Dispose()
        {
            // The process may have ended of it.
            Pair before = _before;
            _ = SetLimit(_process, _resource, in before, out _);
        }

        private static void Check(int result)
        {
            if (result != 0)
            {
                throw new IOException($"prlimit: {Marshal.GetLastPInvokeErrorMessage()}");
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "prlimit", SetLastError = true)]
    private static partial int GetLimit(int process, int resource, nint now, out Pair before);
}
