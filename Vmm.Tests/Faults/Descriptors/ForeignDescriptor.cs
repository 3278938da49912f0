// A descriptor of a kind that was not announced, in the place of one that crosses. Everything that a process can have open is tried.

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Tests.Faults.Descriptors;

/// <summary>A descriptor, and what must stay open for it to be what it is.</summary>
internal sealed partial class ForeignDescriptor : IDisposable
{
    private const int Unix = 1;
    private const int Stream = 1;
    private const int SequencedPackets = 5;
    private const int CloseOnExec = 0x80000;
    private const int PathOnly = 0x200000;
    private const int MonotonicClock = 1;
    private const int PipeCapacity = 65536;

    private static readonly Dictionary<string, Func<string, ForeignDescriptor>> Makers = new(StringComparer.Ordinal)
    {
        ["file"] = folder => new(File.OpenHandle(Path.Combine(folder, "foreign"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite)),
        ["read-only file"] = _ => Open("/etc/passwd", FileAccess.Read),
        ["pipe's read end"] = _ => Pipe((read, write) => new(read, write)),
        ["pipe's write end"] = _ => Pipe((read, write) => new(write, read)),
        ["full pipe"] = _ => Pipe((read, write) =>
        {
            using var stream = new FileStream(new SafeFileHandle(write.DangerousGetHandle(), ownsHandle: false), FileAccess.Write, bufferSize: 0);
            stream.Write(new byte[PipeCapacity]);
            return new(write, read);
        }),
        ["pipe without a reader"] = _ => Pipe((read, write) =>
        {
            read.Dispose();
            return new(write);
        }),
        ["unix stream socket"] = _ => Of(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)),
        ["connected unix stream socket"] = _ => Pair(Stream, (one, other) => new(one, other)),
        ["unix stream socket without a peer"] = _ => Pair(Stream, (one, other) =>
        {
            other.Dispose();
            return new(one);
        }),
        ["unix packet socket"] = _ => Pair(SequencedPackets, (one, other) => new(one, other)),
        ["unix datagram socket"] = _ => Of(new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified)),
        ["listening unix socket"] = folder => Listening(AddressFamily.Unix, new UnixDomainSocketEndPoint(Path.Combine(folder, "foreign.sock"))),
        ["listening TCP socket"] = _ => Listening(AddressFamily.InterNetwork, new IPEndPoint(IPAddress.Loopback, 0)),
        ["UDP socket"] = _ => Of(new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp)),
        ["terminal"] = _ =>
        {
            var (master, slave) = TerminalDevice.CreatePty();
            return new(HostFile.OpenToUpdate(slave), master);
        },
        ["terminal's master"] = _ => new(TerminalDevice.CreatePty().Master),
        ["pidfd"] = _ =>
        {
            // Of a process that may be ended, as the one whose place it takes would be.
            var sleeper = new Sleeper();
            return new(PidFd.Open(sleeper.Id), sleeper);
        },
        ["epoll"] = _ => new(Epoll.Create()),
        ["eventfd"] = _ => new(EventFd.Create()),
        ["timerfd"] = _ => new(Own(CreateTimer(MonotonicClock, CloseOnExec))),
        ["memfd"] = _ => new(Memfd.Create("foreign", 4096)),
        ["directory"] = folder => new(HostFile.OpenToRead(folder)),
        ["null device"] = _ => Open("/dev/null", FileAccess.ReadWrite),
        ["full device"] = _ => Open("/dev/full", FileAccess.ReadWrite),
        ["tap device without an interface"] = _ => Open("/dev/net/tun", FileAccess.ReadWrite),
        ["KVM device"] = _ => Open("/dev/kvm", FileAccess.ReadWrite),
        ["path only"] = _ => new(Own(OpenPath("/etc/passwd", PathOnly | CloseOnExec))),
    };

    private readonly IDisposable[] _kept;

    private ForeignDescriptor(SafeFileHandle handle, params IDisposable[] kept) => (Handle, _kept) = (handle, kept);

    /// <summary>Every kind, by its name.</summary>
    internal static IReadOnlyCollection<string> Kinds => Makers.Keys;

    /// <summary>The descriptor.</summary>
    internal SafeFileHandle Handle { get; }

    /// <summary>Makes one.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    /// <param name="folder">Where a kind that needs a path has it.</param>
    internal static ForeignDescriptor Make(string kind, string folder) => Makers[kind](folder);

    /// <inheritdoc/>
    public void Dispose()
    {
        Handle.Dispose();
        Array.ForEach(_kept, k => k.Dispose());
    }

    private static ForeignDescriptor Open(string path, FileAccess access) => new(File.OpenHandle(path, FileMode.Open, access, FileShare.ReadWrite));

    private static ForeignDescriptor Of(Socket socket) => new(new SafeFileHandle(socket.SafeHandle.DangerousGetHandle(), ownsHandle: false), socket);

    private static ForeignDescriptor Listening(AddressFamily family, EndPoint at)
    {
        var socket = new Socket(family, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(at);
        socket.Listen();
        return Of(socket);
    }

    private static ForeignDescriptor Pipe(Func<SafeFileHandle, SafeFileHandle, ForeignDescriptor> use)
    {
        Span<int> ends = stackalloc int[2];
        Check(CreatePipe(ends, CloseOnExec));
        return use(Own(ends[0]), Own(ends[1]));
    }

    private static ForeignDescriptor Pair(int type, Func<SafeFileHandle, SafeFileHandle, ForeignDescriptor> use)
    {
        Span<int> ends = stackalloc int[2];
        Check(CreatePair(Unix, type | CloseOnExec, 0, ends));
        return use(Own(ends[0]), Own(ends[1]));
    }

    private static SafeFileHandle Own(int descriptor) => new(Check(descriptor), ownsHandle: true);

    private static int Check(int result) => result >= 0 ? result : throw new IOException(Marshal.GetLastPInvokeErrorMessage());

    /// <summary>A process that does nothing.</summary>
    private sealed class Sleeper : IDisposable
    {
        private readonly Process _process = Process.Start("sleep", "infinity");

        /// <summary>Its number.</summary>
        internal int Id => _process.Id;

        /// <inheritdoc/>
        public void Dispose()
        {
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }
    }

    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    private static partial int CreatePipe(Span<int> ends, int flags);

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static partial int CreatePair(int domain, int type, int protocol, Span<int> ends);

    [LibraryImport("libc", EntryPoint = "timerfd_create", SetLastError = true)]
    private static partial int CreateTimer(int clock, int flags);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenPath(string path, int flags);
}
