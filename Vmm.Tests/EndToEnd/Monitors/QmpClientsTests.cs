using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Monitors;

/// <summary>Several clients, on several monitors and on one.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class QmpClientsTests : EndToEndTest
{
    private const string Capabilities = """{"execute":"qmp_capabilities"}""";

    [Test]
    public async Task Every_monitor_gets_every_event()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter", TinyMachine.Monitor("b.qmp")));
        var one = await (await ConnectAsync(vmm)).NegotiateAsync();
        var two = await (await ConnectAsync(vmm, "b.qmp")).NegotiateAsync();

        var lines = await AskAllAsync(one, """{"execute":"stop"}""");

        Assert.That(lines[0], Does.Contain("\"event\":\"STOP\""));
        Assert.That(await two.ReadLineAsync(), Does.Contain("\"event\":\"STOP\""));
    }

    [Test]
    public async Task A_second_client_waits_until_the_first_one_leaves()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter"));
        var first = await (await ConnectAsync(vmm)).NegotiateAsync();
        var second = await ConnectAsync(vmm);
        var greeting = second.ReadLineAsync();

        for (int i = 0; i < 20; i++)
        {
            await first.AskAsync("""{"execute":"query-status"}""");
        }

        Assert.That(greeting.IsCompleted, Is.False, "the second client is not served yet");
        await first.DisposeAsync();
        Assert.That(await greeting, Does.StartWith("{\"QMP\":"));
        Assert.That(await second.AskAsync(Capabilities), Is.EqualTo("""{"return":{}}"""));
    }

    [Test]
    public async Task A_client_that_connects_again_is_greeted_and_its_half_request_is_forgotten()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter"));
        for (int i = 0; i < 10; i++)
        {
            var client = await (await ConnectAsync(vmm)).NegotiateAsync();
            await client.SendAsync("{\"execute\":\"quit\", \"half");
            await client.DisposeAsync();
        }

        var last = await (await ConnectAsync(vmm)).NegotiateAsync();
        Assert.That(await last.AskAsync("""{"execute":"query-status"}"""), Does.Contain("running"));
    }

    [Test]
    public async Task A_client_that_sends_before_it_reads_and_closes_its_side_gets_all_its_replies()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter"));

        await (await ConnectAsync(vmm)).DisposeAsync();

        string said = await Host.RunAsync(
            $"printf '%s' '{Capabilities}' '{{\"execute\":\"query-status\"}}' | timeout 20 socat -t 5 - UNIX-CONNECT:{InFolder(TinyMachine.Qmp)}");

        Assert.That(said.Split("\r\n"), Has.Length.EqualTo(4).And.ItemAt(2).Contains("running"));
        Assert.That(vmm.Exited.IsCompleted, Is.False);
    }

    private static async Task<List<string>> AskAllAsync(WireClient client, string request)
    {
        await client.SendAsync(request);
        return await client.ReadToReplyAsync();
    }
}
