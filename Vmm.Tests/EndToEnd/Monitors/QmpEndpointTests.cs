using System.Globalization;
using System.Net.Sockets;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Monitors;

/// <summary>The ways to say where a monitor is.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class QmpEndpointTests : EndToEndTest
{
    [TestCase("unix:a.qmp,server=on,wait=off")]
    [TestCase("unix:a.qmp,server,nowait")]
    public async Task A_monitor_on_a_unix_socket(string device)
    {
        var vmm = await StartAsync(TinyMachine.Silent("counter").With("-qmp", device));

        await (await ConnectAsync(vmm)).NegotiateAsync();
    }

    [Test]
    public async Task A_pretty_monitor_indents_by_four_and_ends_lines_with_cr_lf()
    {
        var vmm = await StartAsync(TinyMachine.Silent("counter").With("-qmp-pretty", "unix:a.qmp,server=on,wait=off"));
        var client = await ConnectAsync(vmm);

        Assert.That(await client.ReadLineAsync(), Is.EqualTo("{"));
        Assert.That(await client.ReadLineAsync(), Is.EqualTo("    \"QMP\": {"));
        while (await client.ReadLineAsync() != "}")
        {
        }

        await client.SendAsync("""{"execute":"qmp_capabilities","id":1}""");
        var reply = new List<string>();
        do
        {
            reply.Add(await client.ReadLineAsync());
        }
        while (reply[^1] != "}");
        Assert.That(reply, Has.Some.StartsWith("    \"return\": {"));
    }

    [TestCase("", "^{\"QMP\":")]
    [TestCase(",pretty=off", "^{\"QMP\":")]
    [TestCase(",pretty=on", "^{$")]
    public async Task A_monitor_on_a_chardev(string more, string firstLine)
    {
        var vmm = await StartAsync(TinyMachine.Silent("counter").With(
            "-chardev", "socket,id=charmonitor,path=a.qmp,server=on,wait=off", "-mon", $"chardev=charmonitor,id=monitor,mode=control{more}"));

        await using (var client = await ConnectAsync(vmm))
        {
            Assert.That(await client.ReadLineAsync(), Does.Match(firstLine));
        }

        var qmp = await OpenQmpAsync(vmm);
        var chardevs = await qmp.ExecuteAsync("query-chardev");

        Assert.That(chardevs.EnumerateArray().Select(c => c.GetProperty("label").GetString()), Does.Contain("charmonitor"));
    }

    [Test]
    public async Task A_monitor_on_an_inherited_listening_socket()
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(InFolder(TinyMachine.Qmp)));
        listener.Listen();
        using var inherited = Inheritable.CopyOf(listener);
        string chardev = string.Create(CultureInfo.InvariantCulture, $"socket,id=charmonitor,fd={inherited.Number},server=on,wait=off");
        var vmm = await StartAsync(TinyMachine.Silent("counter").With("-chardev", chardev, "-mon", "chardev=charmonitor,mode=control"));
        var qmp = await OpenQmpAsync(vmm);

        Assert.That((await qmp.ExecuteAsync("query-status")).GetProperty("running").GetBoolean(), Is.True);
    }

    [Test]
    public async Task A_monitor_that_connects_to_its_client()
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(InFolder("client.sock")));
        listener.Listen();
        await StartAsync(TinyMachine.Silent("counter").With("-qmp", "unix:client.sock"));

        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        var connection = await listener.AcceptAsync(deadline.Token);
        var client = Keep(new WireClient(new NetworkStream(connection, ownsSocket: true)));

        await client.NegotiateAsync();
    }

    [Test]
    public async Task A_monitor_on_standard_input_and_output()
    {
        var vmm = await StartAsync(TinyMachine.Silent("counter").With("-qmp", "stdio"));
        var client = Keep(new WireClient(vmm.Output, vmm.Input));

        await client.NegotiateAsync();

        Assert.That(await client.AskAsync("""{"execute":"query-status","id":0}"""), Does.Contain("running"));
        Assert.That(await client.AskAsync("""{"execute":"quit"}"""), Is.EqualTo("""{"return":{}}"""));
        await client.ExpectEndAsync();
        Assert.That(await vmm.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
    }
}
