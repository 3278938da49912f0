using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Vmm.Core.Native;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>
/// A main channel that management makes: the new process inherits the listening socket by number, the old one gets a connection to it over its
/// monitor, by SCM_RIGHTS and getfd. Neither knows a path.
/// </summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class InheritedChannelTests : UpdateTest
{
    private const string GetFd = """{"execute":"getfd","arguments":{"fdname":"main"}}""";
    private const string Migrate = """{"execute":"migrate","arguments":{"uri":"fd:main"}}""";
    private const string Done = """{"return":{}}""";
    private const string NotFound = "File descriptor named 'main' has not been found";

    private static readonly string[] SecondMonitor = ["-qmp", "unix:second.qmp,server=on,wait=off"];

    private readonly UpdateRoute _route = new("inherited") { Main = "made-by-management.sock" };
    private Generation _old = null!;
    private Socket _listener = null!;
    private Socket _session = null!;
    private WireClient _client = null!;

    [SetUp]
    public async Task Boot()
    {
        _old = await BootAsync("counter", SecondMonitor);
        await _old.Qmp.ExecuteAsync("migrate-set-parameters", $$"""{"mode": "cpr-transfer", "cpr-uri": "unix:{{_route.Cpr}}"}""");
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(InFolder(_route.Main)));
        _listener.Listen();

        // A name is known in the session that gave it, so one session does it all.
        _session = await DeafPeer.ConnectAsync(InFolder("second.qmp"));
        _client = await Keep(new WireClient(new NetworkStream(_session, ownsSocket: true))).NegotiateAsync();
    }

    [TearDown]
    public void StopListening() => _listener?.Dispose();

    [TestCase(true, TestName = "A_descriptor_on_the_bytes_of_getfd_becomes_the_main_channel")]
    [TestCase(false, TestName = "A_descriptor_on_a_blank_before_getfd_becomes_the_main_channel")]
    public async Task Handover(bool onTheCommand)
    {
        var ram = Keep(GuestRam.Of(_old.Process));
        using var inherited = Inheritable.CopyOf(_listener);
        var successor = await AwaitGuestAsync(
            TinyMachine.Silent("counter").With(SecondMonitor),
            "-incoming", string.Create(CultureInfo.InvariantCulture, $"fd:{inherited.Number}"), "-cpr-uri", $"unix:{_route.Cpr}");
        using var main = await DeafPeer.ConnectAsync(InFolder(_route.Main));

        Assert.That(await GiveAsync(main, onTheCommand), Is.EqualTo(Done));
        Assert.That(await _client.AskAsync(Migrate), Is.EqualTo(Done));

        await ExpectHandoverAsync(_old, successor);
        Assert.That(await successor.StatusAsync(), Is.EqualTo("running"));
        await ram.WaitForProgressAsync();
    }

    [Test]
    public async Task An_unknown_name_is_not_found()
    {
        Assert.That(await _client.AskAsync(Migrate), Does.Contain(NotFound));
        Assert.That(await _old.StatusAsync(), Is.EqualTo("running"));
    }

    [Test]
    public async Task An_update_that_fails_before_it_uses_the_descriptor_closes_it_and_frees_its_name()
    {
        var main = await DeafPeer.ConnectAsync(InFolder(_route.Main));
        using var accepted = await _listener.AcceptAsync();
        Assert.That(await GiveAsync(main, onTheCommand: true), Is.EqualTo(Done));
        main.Dispose();

        Assert.That(await _client.AskAsync(Migrate), Does.Contain("Failed to connect to"));

        // Only the old process had it by now, so it ends when that lets it go.
        await DeafPeer.WaitForEndAsync(accepted);
        Assert.That(await _client.AskAsync(Migrate), Does.Contain(NotFound));
    }

    /// <summary>Sends a descriptor along with getfd, on the command's own bytes or on a blank before them.</summary>
    private async Task<string> GiveAsync(Socket descriptor, bool onTheCommand)
    {
        UnixSocket.Send(_session.SafeHandle, Encoding.ASCII.GetBytes(onTheCommand ? GetFd : " "), [(int)descriptor.Handle]);
        return onTheCommand ? (await _client.ReadToReplyAsync())[^1] : await _client.AskAsync(GetFd);
    }
}
