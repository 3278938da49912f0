// What this process runs: its program's file, arguments and environment as the kernel keeps them, and another program in its place.
//
// A program that replaces another by exec has the process's number, its descriptors that are not close-on-exec, under their numbers, and
// its signal mask. Everything else of the process ends with the call: threads, memory, close-on-exec descriptors, and with them a VM. Texts
// are bytes here: what an operator gave need not be text.

using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

/// <summary>The program that this process runs.</summary>
public static unsafe partial class ProgramImage
{
    private const string Own = "/proc/self/exe";

    /// <summary>The arguments that this program was started with, its name first.</summary>
    public static IReadOnlyList<byte[]> Arguments => Split(File.ReadAllBytes("/proc/self/cmdline"));

    /// <summary>The variables that this program was started with, NAME=VALUE each.</summary>
    public static IReadOnlyList<byte[]> Environment => Split(File.ReadAllBytes("/proc/self/environ"));

    /// <summary>The file of a program: itself if it is a path, otherwise the first of that name in the folders of PATH; null if there is none.</summary>
    public static string? Find(string program) =>
        ProgramSpawn.Find(program, System.Environment.GetEnvironmentVariable("PATH") ?? "/usr/local/bin:/usr/bin:/bin");

    /// <summary>Opens the file that this process runs: it stays what it is when another is put in its place.</summary>
    /// <exception cref="PosixException">The host does not let it be opened.</exception>
    public static SafeFileHandle OpenFile() => HostFile.OpenPath(Own, O_RDONLY, 0);

    /// <summary>
    /// Replaces this program by another, which is looked for as <see cref="Find"/> does. Returns only with an error. A file that the kernel does not accept as a
    /// program is an error; execvp(3) would run it with a shell.
    /// </summary>
    /// <param name="arguments">Its arguments, its name first.</param>
    /// <param name="environment">Its environment.</param>
    /// <returns>Why it is not replaced.</returns>
    public static PosixException Replace(IReadOnlyList<byte[]> arguments, IReadOnlyList<byte[]> environment)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        string name = Encoding.UTF8.GetString(arguments[0]);
        int error = Find(name) is { } path ? Replace(arguments, environment, path) : ENOENT;
        return new PosixException($"execvp {name}", error);
    }

    /// <summary>Gives the process the name of its program: one that was started from an open file has the file's number for a name, in ps and top.</summary>
    public static void NameProcess()
    {
        try
        {
            File.WriteAllText("/proc/self/comm", Path.GetFileName(Encoding.UTF8.GetString(Arguments[0])));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is nothing but a name.
            return;
        }
    }

    /// <summary>Replaces this program by the one in an open file. Returns only with an error.</summary>
    /// <param name="file">Its file.</param>
    /// <param name="arguments">Its arguments, its name first.</param>
    /// <param name="environment">Its environment.</param>
    /// <returns>Why it is not replaced.</returns>
    public static PosixException Replace(SafeHandle file, IReadOnlyList<byte[]> arguments, IReadOnlyList<byte[]> environment)
    {
        using var fd = new BorrowedDescriptor(file);
        string path = $"/proc/self/fd/{(int)fd}";
        int error = 0;

        // By its name, if that still leads to it: the process is shown under the name that it was started by.
        if (new FileInfo(path).LinkTarget is { } name && HostFile.StatPath(name)?.Identity == HostFile.Stat(file).Identity)
        {
            error = Replace(arguments, environment, name);
        }

        error = Replace(arguments, environment, path) is not 0 and var last ? last : error;
        return new PosixException("start the program anew", error);
    }

    /// <summary>Whether a descriptor stays open in a program that replaces this one.</summary>
    /// <exception cref="PosixException">The host refuses it.</exception>
    public static void SetInherited(SafeHandle handle, bool isInherited)
    {
        using var fd = new BorrowedDescriptor(handle);
        NativeCall.Check(fcntl(fd, F_SETFD, isInherited ? 0 : FD_CLOEXEC), isInherited ? "clear close-on-exec" : "set close-on-exec");
    }

    internal static IReadOnlyList<byte[]> Split(ReadOnlySpan<byte> block)
    {
        var words = new List<byte[]>();
        while (block.IndexOf((byte)0) is >= 0 and var end)
        {
            words.Add(block[..end].ToArray());
            block = block[(end + 1)..];
        }

        return words;
    }

    /// <param name="arguments">The arguments.</param>
    /// <param name="environment">The environment.</param>
    /// <param name="path">The program's file.</param>
    /// <returns>The error number.</returns>
    private static int Replace(IReadOnlyList<byte[]> arguments, IReadOnlyList<byte[]> environment, string path)
    {
        byte[][] texts = [.. arguments.Concat(environment).Append(Encoding.UTF8.GetBytes(path)).Select(text => (byte[])[.. text, 0])];
        var pins = Array.ConvertAll(texts, text => GCHandle.Alloc(text, GCHandleType.Pinned));
        try
        {
            nint[] addresses = Array.ConvertAll(pins, pin => pin.AddrOfPinnedObject());
            nint[] words = [.. addresses[..arguments.Count], 0];
            nint[] variables = [.. addresses[arguments.Count..^1], 0];
            fixed (nint* w = words, v = variables)
            {
                int result = SetImage((byte*)addresses[^1], (byte**)w, (byte**)v);
                return result < 0 ? Marshal.GetLastPInvokeError() : 0;
            }
        }
        finally
        {
            Array.ForEach(pins, pin => pin.Free());
        }
    }

    [LibraryImport("libc", EntryPoint = "execve", SetLastError = true)]
    private static partial int SetImage(byte* path, byte** arguments, byte** environment);
}
