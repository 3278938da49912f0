// Another process's sockets, got by pidfd_getfd(2): what is done to one here happens to the very socket that the process
// has, in the middle of whatever it is doing.

using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Tests.Faults;

/// <summary>Reaches into the sockets of a party.</summary>
internal static partial class ForeignSocket
{
    private const int BothWays = 2;
    private const int SocketLevel = 1;
    private const int SendBuffer = 7;
    private const long GetDescriptor = 438;

    /// <summary>Shuts the connections that a process has accepted on a path, in both directions.</summary>
    internal static void ShutDown(this Party party, string path)
    {
        foreach (int number in AcceptedOn(party, path))
        {
            using var socket = Take(party, number);
            Check(Shutdown(socket, BothWays), "shutdown");
        }
    }

    /// <summary>Leaves the sockets of a process that have no name, those that it connected, as little room to send as the kernel gives.</summary>
    internal static void Narrow(this Party party)
    {
        int least = 1;
        foreach (var (number, inode) in Sockets(party))
        {
            if (!Table().Any(s => s.Inode == inode && s.Path.Length > 0))
            {
                using var socket = Take(party, number);
                Check(SetOption(socket, SocketLevel, SendBuffer, in least, sizeof(int)), "SO_SNDBUF");
            }
        }
    }

    private static List<int> AcceptedOn(Party party, string path)
    {
        var accepted = Table().Where(s => s.IsConnected && s.Path == path).Select(s => s.Inode).ToHashSet();
        var numbers = Sockets(party).Where(s => accepted.Contains(s.Inode)).Select(s => s.Number).ToList();
        return numbers.Count > 0 ? numbers : throw new InvalidOperationException($"process {party.Name} has no connection on {path}");
    }

    private static IEnumerable<(int Number, string Inode)> Sockets(Party party) =>
        from link in Directory.EnumerateFileSystemEntries($"/proc/{party.Process.Pid}/fd")
        let target = SocketLink().Match(new FileInfo(link).LinkTarget ?? string.Empty)
        where target.Success
        select (int.Parse(Path.GetFileName(link), CultureInfo.InvariantCulture), target.Groups["inode"].Value);

    /// <summary>The host's unix sockets: number, references, protocol, flags, type, state (03 is connected), inode, and the path if it has one.</summary>
    private static IEnumerable<(string Inode, bool IsConnected, string Path)> Table() =>
        from line in File.ReadLines("/proc/net/unix").Skip(1)
        let words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        select (words[6], words[5] == "03", words.Length > 7 ? words[7] : string.Empty);

    private static SafeFileHandle Take(Party party, int number)
    {
        using var process = PidFd.Open(party.Process.Pid);
        long taken = Syscall(GetDescriptor, process, number, 0);
        Check((int)taken, "pidfd_getfd");
        return new SafeFileHandle((nint)taken, ownsHandle: true);
    }

    private static void Check(int result, string what)
    {
        if (result < 0)
        {
            throw new IOException($"{what}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [GeneratedRegex(@"^socket:\[(?<inode>\d+)\]$", RegexOptions.CultureInvariant)]
    private static partial Regex SocketLink();

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long Syscall(long number, SafeFileHandle process, int descriptor, uint flags);

    [LibraryImport("libc", EntryPoint = "shutdown", SetLastError = true)]
    private static partial int Shutdown(SafeFileHandle socket, int how);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetOption(SafeFileHandle socket, int level, int option, in int value, uint length);
}
