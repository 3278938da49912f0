using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;
using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Migration.Settings;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>A channel that comes as a descriptor and is none that can carry anything is refused by the command, not when the guest is stopped.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MainDescriptorTests : IDisposable
{
    private const string Expected = "fd:main: a connected stream socket was expected for the main channel; ";

    /// <summary>Every kind of descriptor that is no connection, and what is said of it.</summary>
    private static readonly Dictionary<string, (Func<MainDescriptorTests, SafeHandle> Make, string Problem)> Kinds = new()
    {
        ["a file"] = (test => HostFile.OpenToRead(test._fixture.Files.Path("kernel")), "it is no socket"),
        ["a pipe"] = (test => test.Pipe(), "it is no socket"),
        ["an eventfd"] = (_ => EventFd.Create(), "it is no socket"),
        ["a process"] = (_ => PidFd.Open(Environment.ProcessId), "it is no socket"),
        ["a datagram socket"] = (test => test.Unix(SocketType.Dgram), "it is no unix or TCP stream socket"),
        ["a UDP socket"] = (test => test.Keep(new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp)), "it is no unix or TCP stream socket"),
        ["a socket of packets"] = (test => test.Unix(SocketType.Seqpacket), "it is no unix or TCP stream socket"),
        ["a listening socket"] = (test => test.Listening("elsewhere"), "it is a listening socket"),
        ["a socket that was never connected"] = (test => test.Unix(SocketType.Stream), "it is not connected"),
        ["a TCP socket that was never connected"] =
            (test => test.Keep(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)), "it is not connected"),
        ["a connection whose peer has gone"] = (_ => Abandoned(), "its peer has closed the connection"),
    };

    private readonly HandoverFixture _fixture = new();
    private readonly List<IDisposable> _kept = [];

    public void Dispose()
    {
        _kept.ForEach(kept => kept.Dispose());
        _fixture.Dispose();
    }

    private static IEnumerable<string> Names => Kinds.Keys;

    [Test]
    [Promise(45)]
    public void Migrate_refuses_as_main_channel([ValueSource(nameof(Names))] string kind)
    {
        var (make, problem) = Kinds[kind];
        var old = Old();

        Assert.That(
            () => old.Do(() => old.Migrator.Migrate(MigrationTarget.FromUri("fd:main"), _ => make(this))),
            Throws.TypeOf<MigrationException>().With.Message.EqualTo(Expected + problem));
        Assert.That(old.Events.All, Is.Empty);
        Assert.That(old.Report.Status, Is.EqualTo(MigrationStatus.None));
        _fixture.AssertRunsIn(old);
    }

    [Test]
    public async Task The_preflight_gives_as_its_reason([ValueSource(nameof(Names))] string kind)
    {
        var (make, problem) = Kinds[kind];
        var old = Old();
        using var descriptor = make(this);

        var verdict = await old.DoAsync(() => old.Migrator.PreflightAsync(MigrationTarget.FromUri("fd:main"), _ => descriptor));

        Assert.That(verdict.Reasons, Is.EqualTo(new[] { Expected + problem }));
        Assert.That(descriptor.IsClosed, Is.False, "it stays where it is");
    }

    [Test]
    public async Task The_preflight_of_an_unknown_name_says_so()
    {
        var old = Old();
        var verdict = await old.DoAsync(() => old.Migrator.PreflightAsync(MigrationTarget.FromUri("fd:main"), _ => null));
        Assert.That(verdict.Reasons, Is.EqualTo(new[] { "File descriptor named 'main' has not been found" }));
    }

    [TestCase("a file", "it is no socket")]
    [TestCase("a datagram socket", "it is no unix or TCP stream socket")]
    [TestCase("a socket of packets", "it is no unix or TCP stream socket")]
    [TestCase("a socket that was never connected", "it does not listen")]
    [Promise(45)]
    public void A_waiting_process_refuses_to_listen_on(string kind, string problem)
    {
        using var descriptor = Kinds[kind].Make(this);
        string number = ((int)descriptor.DangerousGetHandle()).ToString(CultureInfo.InvariantCulture);
        var next = _fixture.Host();

        Assert.That(
            () => next.Do(() => next.Migrator.AwaitGuest(new UnixAddress(_fixture.CprPath), new DescriptorAddress(number))),
            Throws.TypeOf<HandoverException>().With.Message.EqualTo($"fd:{number}: a listening stream socket was expected; {problem}"));
    }

    [Test]
    [Promise(45)]
    public void A_waiting_process_refuses_a_cpr_channel_by_TCP()
    {
        var listener = Keep(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        ((Socket)_kept[^1]).Bind(new IPEndPoint(IPAddress.Loopback, 0));
        ((Socket)_kept[^1]).Listen();
        string number = ((int)listener.DangerousGetHandle()).ToString(CultureInfo.InvariantCulture);
        var next = _fixture.Host();

        Assert.That(
            () => next.Do(() => next.Migrator.AwaitGuest(new DescriptorAddress(number), null)),
            Throws.TypeOf<HandoverException>().With.Message.EqualTo($"fd:{number}: a listening unix stream socket was expected; it is no unix socket"));
    }

    private MachineHost Old()
    {
        var old = _fixture.Old();
        old.Set(p => p with { CprUri = $"unix:{_fixture.CprPath}" });
        return old;
    }

    private SafeHandle Keep(Socket socket)
    {
        _kept.Add(socket);
        return socket.SafeHandle;
    }

    private SafeHandle Unix(SocketType type) => Keep(new Socket(AddressFamily.Unix, type, ProtocolType.Unspecified));

    private SafeHandle Listening(string name)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(_fixture.Files.Path(name)));
        socket.Listen();
        return Keep(socket);
    }

    private SafeHandle Pipe()
    {
        var pipe = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.Out);
        _kept.Add(pipe);
        return pipe.SafePipeHandle;
    }

    private static SafeFileHandle Abandoned()
    {
        var (one, other) = SocketPair.Create();
        other.Dispose();
        return one;
    }
}
