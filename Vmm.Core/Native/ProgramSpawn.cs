// Another program as a child of this process. It gets nothing of this process but the one socket that is meant for it:
//
//     0, 1    /dev/null
//     2       what the caller gives it for its last words
//     3       the socket, by which the two talk
//
// and no other descriptor, no environment but a path, default dispositions of all signals and an empty mask (this process ignores many, and what is
// ignored stays so across exec), a session of its own, and the ordinary scheduling policy. It has no parent-death signal: it outlives the process that
// started it if the guest does.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Starts programs.</summary>
internal static unsafe partial class ProgramSpawn
{
    /// <summary>The number under which the program finds its socket.</summary>
    internal const int Channel = 3;

    /// <summary>Where programs are looked for.</summary>
    private const string SearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private const int FileActionsSize = 80; // sizeof(posix_spawn_file_actions_t) of glibc
    private const int AttributesSize = 336; // sizeof(posix_spawnattr_t) of glibc
    private const int ReadWrite = 2; // O_RDWR
    private const int OrdinaryPolicy = 0; // SCHED_OTHER
    private const int LastSignal = 64;
    private const int Kill = 9; // SIGKILL

    private const short SetsScheduler = 0x20; // POSIX_SPAWN_SETSCHEDULER

    // And POSIX_SPAWN_SETSIGDEF, _SETSIGMASK, _SETSID
    private const short Flags = 0x04 | 0x08 | SetsScheduler | 0x80;

    /// <summary>The file of a program: itself if it is a path, otherwise the first of that name where programs are; null if there is none.</summary>
    /// <param name="program">The path, or the name.</param>
    /// <param name="searchPath">The folders, as PATH has them.</param>
    internal static string? Find(string program, string searchPath = SearchPath) => program.Contains('/', StringComparison.Ordinal)
        ? File.Exists(program) ? program : null
        : searchPath.Split(':').Select(folder => Path.Combine(folder.Length == 0 ? "." : folder, program)).FirstOrDefault(File.Exists);

    /// <summary>Starts a program.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="arguments">Its arguments, without its name.</param>
    /// <param name="channel">Its socket.</param>
    /// <param name="errors">Where its standard error goes.</param>
    /// <param name="process">The descriptor of its process.</param>
    /// <returns>The number of the process, which stays its own until it is waited for.</returns>
    /// <exception cref="PosixException">It cannot be started.</exception>
    internal static int Start(string path, IReadOnlyList<string> arguments, SafeHandle channel, SafeHandle errors, out SafeFileHandle process) =>
        Watched(Start(path, arguments, channel, errors), out process);

    /// <summary>
    /// Starts a command of an operator: with a pipe as its standard input or output and /dev/null as the other, this process's standard error, and its
    /// environment. Otherwise it is as every program here.
    /// </summary>
    /// <param name="arguments">The file of the program, or its name, and its arguments.</param>
    /// <param name="pipe">Its end of the pipe.</param>
    /// <param name="isInput">Whether that is its standard input.</param>
    /// <param name="process">The descriptor of its process.</param>
    /// <returns>The number of the process, which stays its own until it is waited for.</returns>
    /// <exception cref="IOException">It cannot be started.</exception>
    internal static int StartCommand(IReadOnlyList<string> arguments, SafeHandle pipe, bool isInput, out SafeFileHandle process)
    {
        string path = Find(arguments[0]) ?? throw new IOException($"start '{arguments[0]}': there is no such program");
        int id = Started(
            path,
            Bytes(arguments),
            Bytes(Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>().Select(entry => $"{entry.Key}={entry.Value}")),
            (actions, attributes) =>
            {
                using var end = new BorrowedDescriptor(pipe);
                Describe(
                    (byte*)attributes,
                    AddCopy((byte*)actions, end, isInput ? 0 : 1),
                    AddOpen((byte*)actions, isInput ? 1 : 0, "/dev/null", ReadWrite, 0),
                    AddCloseFrom((byte*)actions, Channel));
            });
        return Watched(id, out process);
    }

    /// <summary>
    /// Starts a program of this product, or what leads to one, that waits for this process's guest: with an environment, and with descriptors under the
    /// numbers that they have here.
    /// </summary>
    /// <param name="path">Its file.</param>
    /// <param name="arguments">Its arguments, its name first.</param>
    /// <param name="environment">Its environment, NAME=VALUE each.</param>
    /// <param name="kept">What it gets besides what this process does not close at exec.</param>
    /// <param name="errors">Where its standard error goes, and then its standard input and output are /dev/null; null for those of this process.</param>
    /// <param name="process">The descriptor of its process.</param>
    /// <param name="keepsScheduler">Whether it has the scheduling policy of this process; otherwise the ordinary one.</param>
    /// <returns>The number of the process, which stays its own until it is waited for.</returns>
    /// <exception cref="PosixException">It cannot be started.</exception>
    internal static int StartWaiting(
        string path,
        IReadOnlyList<byte[]> arguments,
        IReadOnlyList<byte[]> environment,
        IReadOnlyList<SafeHandle> kept,
        SafeHandle? errors,
        out SafeFileHandle process,
        bool keepsScheduler = false)
    {
        int id = Started(path, arguments, environment, (actions, attributes) =>
        {
            var results = new List<int>();
            if (errors is not null)
            {
                using var log = new BorrowedDescriptor(errors);
                results.Add(AddCopy((byte*)actions, log, 2));
                results.Add(AddOpen((byte*)actions, 0, "/dev/null", ReadWrite, 0));
                results.Add(AddOpen((byte*)actions, 1, "/dev/null", ReadWrite, 0));
            }

            foreach (var handle in kept)
            {
                // A copy onto itself is how it is said that one is not closed.
                using var fd = new BorrowedDescriptor(handle);
                results.Add(AddCopy((byte*)actions, fd, fd));
            }

            Describe((byte*)attributes, [.. results]);
            if (keepsScheduler)
            {
                Describe(SetFlags((byte*)attributes, Flags & ~SetsScheduler));
            }
        });
        return Watched(id, out process);
    }

    /// <summary>Sends a signal to a program that was started here and not waited for yet, and to all that it has started and that has not left its group.</summary>
    internal static void KillGroup(int id, int signal) => _ = kill(-id, signal);

    private static int Watched(int id, out SafeFileHandle process)
    {
        try
        {
            process = PidFd.Open(id);
            return id;
        }
        catch
        {
            // What cannot be watched is not left behind. A child that has not been waited for has its number to itself.
            _ = kill(id, Kill);
            _ = waitpid(id, null, 0);
            throw;
        }
    }

    private static int Start(string path, IReadOnlyList<string> arguments, SafeHandle channel, SafeHandle errors) => Started(
        path,
        Bytes([path, .. arguments]),
        Bytes([$"PATH={SearchPath}"]),
        (actions, attributes) =>
        {
            using var socket = new BorrowedDescriptor(channel);
            using var log = new BorrowedDescriptor(errors);

            // Neither number is one of those before it: this process has something open as each of 0, 1 and 2.
            Describe(
                (byte*)attributes,
                AddCopy((byte*)actions, log, 2),
                AddOpen((byte*)actions, 0, "/dev/null", ReadWrite, 0),
                AddOpen((byte*)actions, 1, "/dev/null", ReadWrite, 0),
                AddCopy((byte*)actions, socket, Channel),
                AddCloseFrom((byte*)actions, Channel + 1));
        });

    /// <param name="path">The program's file.</param>
    /// <param name="arguments">Its arguments, with its name.</param>
    /// <param name="environment">Its environment.</param>
    /// <param name="describe">Adds its descriptors to the file actions; called with their address and that of the attributes.</param>
    private static int Started(string path, IReadOnlyList<byte[]> arguments, IReadOnlyList<byte[]> environment, Action<nint, nint> describe)
    {
        byte* actions = stackalloc byte[FileActionsSize];
        byte* attributes = stackalloc byte[AttributesSize];
        Check(InitActions(actions));
        try
        {
            Check(InitAttributes(attributes));
            describe((nint)actions, (nint)attributes);
            return Spawned(path, arguments, environment, actions, attributes);
        }
        finally
        {
            _ = DestroyActions(actions);
        }

        void Check(int error)
        {
            if (error != 0)
            {
                throw new PosixException($"start '{path}'", error);
            }
        }
    }

    /// <summary>Completes the description of a program.</summary>
    /// <param name="attributes">Its attributes.</param>
    /// <param name="errors">What describing its descriptors has given: 0, or an error number, each.</param>
    private static void Describe(byte* attributes, params ReadOnlySpan<int> errors)
    {
        var none = default(SignalSet);
        var all = SignalSet.Of([.. Enumerable.Range(1, LastSignal)]);
        int priority = 0; // struct sched_param
        int[] others =
        [
            SetMask(attributes, none),
            SetDefaults(attributes, all),
            SetPolicy(attributes, OrdinaryPolicy),
            SetPriority(attributes, priority),
            SetFlags(attributes, Flags),
        ];
        Describe([.. errors, .. others]);
    }

    private static void Describe(params ReadOnlySpan<int> errors)
    {
        foreach (int error in errors)
        {
            if (error != 0)
            {
                throw new PosixException("describe a program to start", error);
            }
        }
    }

    /// <summary>Texts as they go to the kernel, without the zero that ends each.</summary>
    private static byte[][] Bytes(IEnumerable<string> texts) => [.. texts.Select(text => CString(text)[..^1])];

    private static int Spawned(string path, IReadOnlyList<byte[]> words, IReadOnlyList<byte[]> variables, byte* actions, byte* attributes)
    {
        byte[][] texts = [.. words.Concat(variables).Select(text => (byte[])[.. text, 0])];
        var pins = Array.ConvertAll(texts, text => GCHandle.Alloc(text, GCHandleType.Pinned));
        try
        {
            nint[] addresses = Array.ConvertAll(pins, pin => pin.AddrOfPinnedObject());
            nint[] arguments = [.. addresses[..words.Count], 0];
            nint[] environment = [.. addresses[words.Count..], 0];

            // The C library returns when the program runs in the child, or could not be started there: a failed exec is an error here.
            int error = Spawn(out int process, path, actions, attributes, arguments, environment);
            return error == 0 ? process : throw new PosixException($"start '{path}'", error);
        }
        finally
        {
            Array.ForEach(pins, pin => pin.Free());
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Spawn(out int process, string path, byte* actions, byte* attributes, nint[] arguments, nint[] environment);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int InitActions(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static partial int DestroyActions(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int AddOpen(byte* actions, int descriptor, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static partial int AddCopy(byte* actions, int descriptor, int to);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addclosefrom_np")]
    private static partial int AddCloseFrom(byte* actions, int first);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int InitAttributes(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int SetFlags(byte* attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    private static partial int SetMask(byte* attributes, in SignalSet mask);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    private static partial int SetDefaults(byte* attributes, in SignalSet signals);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setschedpolicy")]
    private static partial int SetPolicy(byte* attributes, int policy);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setschedparam")]
    private static partial int SetPriority(byte* attributes, in int priority);

    [LibraryImport("libc")]
    private static partial int kill(int process, int signal);

    [LibraryImport("libc")]
    private static partial int waitpid(int process, int* status, int options);
}
