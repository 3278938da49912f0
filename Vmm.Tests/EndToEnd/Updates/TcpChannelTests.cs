using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A main channel by TCP. The new process lets the kernel choose a port and says which.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TcpChannelTests : UpdateTest
{
    private const string Cpr = "tcp.cpr.sock";
    private const string CprChannel = $"cpr,addr.transport=socket,addr.type=unix,addr.path={Cpr}";

    private Generation _old = null!;
    private GuestRam _ram = null!;

    [SetUp]
    public async Task Boot()
    {
        _old = await BootAsync("counter");
        _ram = Keep(GuestRam.Of(_old.Process));
        await _old.Qmp.ExecuteAsync("migrate-set-parameters", $$"""{"mode": "cpr-transfer", "cpr-uri": "unix:{{Cpr}}"}""");
    }

    [TestCase("tcp:127.0.0.1:0", "127.0.0.1", "tcp:127.0.0.1:PORT")]
    [TestCase("tcp:localhost:0", "localhost", "tcp:localhost:PORT")]
    [TestCase("tcp::0", "", "tcp::PORT")]
    [TestCase("tcp:[::1]:0", "::1", "tcp:[::1]:PORT")]
    public async Task As_a_uri(string listening, string host, string asked)
    {
        var successor = await AwaitAsync("-incoming", listening, "-cpr-uri", $"unix:{Cpr}");
        var address = (await successor.AccountAsync()).GetProperty("socket-address")[0];
        string port = address.GetProperty("port").GetString()!;
        Assert.That(address.GetProperty("type").GetString(), Is.EqualTo("inet"));
        Assert.That(address.GetProperty("host").GetString(), Is.EqualTo(host));

        await MigrateAsync(asked.Replace("PORT", port, StringComparison.Ordinal));

        await ExpectHandoverAsync(_old, successor);
        await _ram.WaitForProgressAsync();
    }

    [Test]
    public async Task As_a_channel_that_is_opened_later()
    {
        var successor = await AwaitAsync("-incoming", "defer", "-incoming", CprChannel);
        int port = FreePort();
        string main = $$"""{"channel-type": "main", "addr": {"transport": "socket", "type": "inet", "host": "::", "port": "{{port}}"} }""";
        string target = main.Replace("::\"", "127.0.0.1\"", StringComparison.Ordinal);
        await _old.Qmp.ExecuteAsync("migrate", $$"""{"channels": [{{target}}, {{UpdateRoute.Channel("cpr", Cpr)}}]}""");

        await successor.Qmp.ExecuteAsync("migrate-incoming", $$"""{"channels": [{{main}}]}""");

        await ExpectHandoverAsync(_old, successor);
        await _ram.WaitForProgressAsync();
    }

    [Test]
    public async Task A_foreign_connection_keeps_no_peer_away()
    {
        var successor = await AwaitAsync("-incoming", "tcp:127.0.0.1:0", "-cpr-uri", $"unix:{Cpr}");
        int port = await PortOfAsync(successor);
        using var stranger = new TcpClient();
        await stranger.ConnectAsync(IPAddress.Loopback, port);

        await MigrateAsync($"tcp:127.0.0.1:{port}");

        await ExpectHandoverAsync(_old, successor);
        await DeafPeer.WaitForEndAsync(stranger.Client);
    }

    [Test]
    public async Task Where_no_process_listens_the_migration_fails_and_the_guest_runs_on()
    {
        var successor = await AwaitAsync("-incoming", "defer", "-cpr-uri", $"unix:{Cpr}");
        await MigrateAsync("tcp:localhost:1");
        await successor.Qmp.ExecuteAsync("migrate-incoming", """{"uri": "tcp:127.0.0.1:0"}""");

        Assert.That(await _old.ExpectFailureAsync(), Is.EqualTo("Failed to connect to 'localhost:1': Connection refused"));
        Assert.That(await _old.StatusAsync(), Is.EqualTo("running"));
        await _ram.WaitForProgressAsync();
    }

    [TestCase("tcp:localhost:0", "tcp:localhost:0: a port from 1 to 65535 was expected, not '0'")]
    [TestCase("tcp:localhost:http", "tcp:localhost:http: a port from 1 to 65535 was expected, not 'http'")]
    [TestCase("tcp:elsewhere.example:4444",
        "tcp:elsewhere.example:4444: an IP address or localhost was expected, not 'elsewhere.example': a live update stays on its host")]
    public void An_address_that_leads_nowhere_is_refused(string uri, string text)
    {
        var refused = Assert.ThrowsAsync<QmpException>(() => MigrateAsync(uri));

        Assert.That(refused?.Message, Is.EqualTo(text));
        Assert.That(_old.Events, Is.Empty);
    }

    [Test]
    public async Task A_port_that_is_taken_is_an_error_of_the_new_process()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        string address = $"tcp:127.0.0.1:{((IPEndPoint)taken.LocalEndpoint).Port}";

        var result = await RunAsync(TinyMachine.Silent("counter").With("-incoming", address, "-cpr-uri", $"unix:{Cpr}"));

        Assert.That(result.Status, Is.EqualTo(1));
        Assert.That(result.Errors, Is.EqualTo($"vmm: Failed to bind socket to {address}: Address already in use\n"));
    }

    private Task<Generation> AwaitAsync(params string[] update) => AwaitGuestAsync(TinyMachine.Silent("counter"), update);

    private Task<JsonElement> MigrateAsync(string uri) => _old.Qmp.ExecuteAsync("migrate", $$"""{"uri": "{{uri}}"}""");

    private static async Task<int> PortOfAsync(Generation successor) => int.Parse(
        (await successor.AccountAsync()).GetProperty("socket-address")[0].GetProperty("port").GetString()!, CultureInfo.InvariantCulture);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
