using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Lab;

/// <summary>
/// A Debian guest with every device. Its root file system is on a virtio disk, to which it writes and fsyncs while it is updated; meanwhile a client
/// talks with its agent, another reads its virtio console and types there, and a third downloads from its web server.
/// </summary>
public sealed class LinuxDevicesTests() : LinuxGuestTest(Math.Min(2, HostSelector.ProcessorsForGuests), LinuxDevices.All)
{
    private GuestClients? _clients;

    [OneTimeTearDown]
    public ValueTask Disconnect() => _clients?.DisposeAsync() ?? ValueTask.CompletedTask;

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
        await (await ClientsAsync()).Download.WaitForMoreAsync();
        Assert.That(await Guest.RunAsync("cat /sys/class/net/eth0/address"), Is.EqualTo("52:54:00:12:34:56\n"));
        await UsesItsQueuesAsync();
        Assert.That(await HostFixture.Host.RunAsync("ping -c 3 -W 10 192.0.2.2"), Does.Contain(" 0% packet loss"));
    });

    /// <summary>Each mode after itself and after the other: to another process, in both forms, and by exec.</summary>
    [Order(3)]
    [TestCase(6)]
    [Soak(20)]
    [Promise(59)]
    public Task Updates_in_the_middle_of_its_work_stop_no_writer_and_no_client(int hops) => SkippingEmulatorFlawsAsync(async () =>
    {
        var clients = await ClientsAsync();
        await clients.KeepBusyAsync();
        for (int hop = 0; hop < hops; hop++)
        {
            await clients.OutliveAsync(() => (hop % 6) switch
            {
                0 or 3 => Guest.HopAsync(UpdateForm.CprUri),
                1 => Guest.HopAsync(UpdateForm.Channels),
                _ => Guest.ReplaceAsync(),
            });
        }

        await TestContext.Out.WriteLineAsync(await clients.EndAsync());
        Assert.That((await Guest.JudgeAsync()).Faults, Is.Empty);
    });

    [Test, Order(4)]
    public Task Its_agent_answers_the_same_client_after_the_updates() => SkippingEmulatorFlawsAsync(AgentKnowsItsGuestAsync);

    [Test, Order(4)]
    public Task Its_network_card_has_its_queues_still() => SkippingEmulatorFlawsAsync(UsesItsQueuesAsync);

    [Test, Order(4)]
    public Task The_kernel_saw_no_error_of_a_device() => SkippingEmulatorFlawsAsync(async () =>
        Assert.That(await Guest.KernelLogAsync(DeviceErrors), Is.Empty));

    [Test, Order(5)]
    public Task After_power_off_every_reported_record_is_on_the_disk() => SkippingEmulatorFlawsAsync(ExpectRecordsAfterPowerOffAsync);

    private async Task AgentKnowsItsGuestAsync()
    {
        var agent = (await ClientsAsync()).Agent;
        string release = await Guest.RunAsync("uname -r");
        Assert.That((await agent.AskAsync("guest-ping")).EnumerateObject(), Is.Empty);
        Assert.That((await agent.AskAsync("guest-info")).GetProperty("version").GetString(), Is.Not.Empty);
        Assert.That((await agent.AskAsync("guest-get-osinfo")).GetProperty("kernel-release").GetString() + "\n", Is.EqualTo(release));
        Assert.That(await agent.RunAsync("uname", "-r"), Is.EqualTo(release));
    }

    private async Task UsesItsQueuesAsync() => Assert.That(
        await Guest.RunAsync("ls /sys/class/net/eth0/queues | grep -c ^rx-"),
        Is.EqualTo($"{Math.Min(LinuxDevices.Pairs, HostSelector.ProcessorsForGuests)}\n"));

    private async Task<GuestClients> ClientsAsync() => _clients ??= await GuestClients.ConnectAsync(Guest);
}
