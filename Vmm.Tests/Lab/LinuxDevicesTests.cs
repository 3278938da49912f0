using System.Globalization;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Lab;

/// <summary>
/// A Debian guest with every device. Its root file system is on a virtio disk, to which it writes and fsyncs while it is updated; meanwhile a client
/// talks with its agent, another reads its virtio console and types there, and a third downloads from its web server.
/// </summary>
public sealed class LinuxDevicesTests() : LinuxGuestTest(Math.Min(2, HostSelector.ProcessorsForGuests), LinuxDevices.All)
{
    private GuestAgent? _agent;
    private GuestTerminal? _terminal;
    private StreamClient? _download;
    private int _saved;

    [OneTimeTearDown]
    public async Task Disconnect()
    {
        foreach (var client in new IAsyncDisposable?[] { _agent, _terminal, _download })
        {
            await (client?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    [Test, Order(1)]
    public Task Its_root_is_the_disk() => SkippingEmulatorFlawsAsync(async () =>
    {
        Assert.That(await Guest.RunAsync("grep ' / ' /proc/mounts | cut -d' ' -f1-3"), Does.Contain("/dev/vda / ext4").Or.Contain("/dev/root / ext4"));
        Assert.That(await Guest.RunAsync("echo $(cat /sys/block/vda/serial)"), Is.EqualTo("first\n"));
        Assert.That(await Guest.RunAsync("cat /sys/block/vda/queue/write_cache"), Is.EqualTo("write back\n"));
    });

    [Test, Order(2)]
    public Task Its_agent_answers() => SkippingEmulatorFlawsAsync(AgentKnowsItsGuestAsync);

    [Test, Order(2)]
    public Task Its_web_server_answers() => SkippingEmulatorFlawsAsync(async () =>
    {
        await DownloadAsync();
        Assert.That(await Guest.RunAsync("cat /sys/class/net/eth0/address"), Is.EqualTo("52:54:00:12:34:56\n"));
        await UsesItsQueuesAsync();
        Assert.That(await HostFixture.Host.RunAsync("ping -c 3 -W 10 192.0.2.2"), Does.Contain(" 0% packet loss"));
    });

    [Order(3)]
    [TestCase(4)]
    [Soak(20)]
    public Task Updates_in_the_middle_of_its_work_stop_no_writer_and_no_client(int hops) => SkippingEmulatorFlawsAsync(async () =>
    {
        var (agent, download) = (await AgentAsync(), await DownloadAsync());
        _terminal = await GuestTerminal.ConnectAsync(Guest);
        _terminal.KeepTyping();
        agent.KeepAsking();
        for (int hop = 0; hop < hops; hop++)
        {
            int before = await SavedAsync();
            await Guest.HopAsync(hop % 2 == 0 ? UpdateForm.CprUri : UpdateForm.Channels);
            await _terminal.PrintsAgainAsync();
            await agent.AnswersAgainAsync();
            await download.WaitForMoreAsync();
            Assert.That(await SavedAsync(), Is.GreaterThan(before), "records saved since");
        }

        await agent.EndAsync();
        await _terminal.EndAsync();
        var stream = await download.EndAsync();
        _saved = await SavedAsync();
        await TestContext.Out.WriteLineAsync($"{agent.Answers} answers of the agent, {_terminal.Received} lines printed, {_terminal.Typed} bytes typed; {stream}");
        Assert.That(stream.Fault, Is.Null);
        Assert.That((await Guest.JudgeAsync()).Faults, Is.Empty);
    });

    [Test, Order(4)]
    public Task Its_agent_answers_the_same_client_after_the_updates() => SkippingEmulatorFlawsAsync(AgentKnowsItsGuestAsync);

    [Test, Order(4)]
    public Task Its_network_card_has_its_queues_still() => SkippingEmulatorFlawsAsync(UsesItsQueuesAsync);

    [Test, Order(4)]
    public Task The_kernel_saw_no_error_of_a_device() => SkippingEmulatorFlawsAsync(async () =>
        Assert.That(await Guest.KernelLogAsync("i/o error|ext4-fs error|blk_update_request|vda.*(error|timeout)|virtio.*(error|fail)"), Is.Empty));

    [Test, Order(5)]
    public Task After_power_off_every_reported_record_is_on_the_disk() => SkippingEmulatorFlawsAsync(async () =>
    {
        await Guest.Qmp.ExecuteAsync("system_powerdown");
        await ExpectOffAsync();
        var verdict = await DiskVerdict.OfAsync(HostFixture.Host, Guest.Image, _saved);
        await TestContext.Out.WriteLineAsync(verdict.ToString());
        Assert.That(verdict.Faults, Is.Empty);
        Assert.That(verdict.Records, Is.GreaterThan(0));
    });

    private async Task AgentKnowsItsGuestAsync()
    {
        var agent = await AgentAsync();
        string release = await Guest.RunAsync("uname -r");
        Assert.That((await agent.AskAsync("guest-ping")).EnumerateObject(), Is.Empty);
        Assert.That((await agent.AskAsync("guest-info")).GetProperty("version").GetString(), Is.Not.Empty);
        Assert.That((await agent.AskAsync("guest-get-osinfo")).GetProperty("kernel-release").GetString() + "\n", Is.EqualTo(release));
        Assert.That(await agent.RunAsync("uname", "-r"), Is.EqualTo(release));
    }

    private async Task UsesItsQueuesAsync() => Assert.That(
        await Guest.RunAsync("ls /sys/class/net/eth0/queues | grep -c ^rx-"),
        Is.EqualTo($"{Math.Min(LinuxDevices.Pairs, HostSelector.ProcessorsForGuests)}\n"));

    private async Task<GuestAgent> AgentAsync() => _agent ??= await GuestAgent.ConnectAsync(Guest);

    private async Task<StreamClient> DownloadAsync()
    {
        if (_download is null)
        {
            await HostFixture.Host.RunAsync(LinuxDevices.Network.SetUp!);
            _download = await StreamClient.ConnectAsync(HostFixture.Host, LinuxDevices.Network);
        }

        return _download;
    }

    private async Task<int> SavedAsync() => int.Parse(await Guest.RunAsync("cat /tmp/saved"), CultureInfo.InvariantCulture);
}
