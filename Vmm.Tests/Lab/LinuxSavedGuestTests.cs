using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>A Debian guest with a disk, consoles and a network card, saved and restored while it writes, prints and serves.</summary>
[Category(SoakAttribute.Name)]
public sealed class LinuxSavedGuestTests() : LinuxGuestTest(Math.Min(2, HostSelector.ProcessorsForGuests), LinuxDevices.All)
{
    /// <summary>What the guest may notice of a stop: some periods of its pulse, in its own time.</summary>
    private static readonly TimeSpan LongestGap = TimeSpan.FromSeconds(2);

    [Order(1)]
    [TestCase("exec:cat > saved", "exec:cat < saved")]
    [TestCase("file:saved", "file:saved")]
    public Task It_goes_on_where_it_was_and_its_time_stood_still(string to, string from) => SkippingEmulatorFlawsAsync(async () =>
    {
        int saved = await Guest.SavedAsync();

        await using var before = await Guest.StandByAsync(to, from);

        // A line may begin in the bytes of one console and end in those of the other.
        var ticks = Tick.AllIn([.. before.Bytes, .. Guest.Console.Bytes]);
        await TestContext.Out.WriteLineAsync($"{ticks.Count} ticks, {Guest.Console.Ticks.Count} of them since; longest gap {ticks.Zip(ticks.Skip(1), (a, b) => b.Monotonic - a.Monotonic).Max() / 1e6} ms");
        Assert.That(ticks.Select(tick => tick.Count), Is.EqualTo(Enumerable.Range((int)ticks[0].Count, ticks.Count).Select(count => (long)count)), "none is missing, none came twice");
        Assert.That(ticks.Zip(ticks.Skip(1), (a, b) => b.Monotonic - a.Monotonic).Max(), Is.LessThan(LongestGap.TotalNanoseconds));
        Assert.That(await Guest.SavedAsync(), Is.GreaterThan(saved), "records saved since");
    });

    [Test, Order(2)]
    public Task It_is_on_the_network_again() => SkippingEmulatorFlawsAsync(async () =>
    {
        await HostFixture.Host.RunAsync(LinuxDevices.Network.SetUp!);
        Assert.That(await HostFixture.Host.RunAsync("ping -c 3 -W 10 192.0.2.2"), Does.Contain(" 0% packet loss"));
        await using var download = await StreamClient.ConnectAsync(HostFixture.Host, LinuxDevices.Network);
        await download.WaitForMoreAsync();
        Assert.That((await download.EndAsync()).Fault, Is.Null);
    });

    [Test, Order(3)]
    public Task Its_kernel_noticed_nothing() => SkippingEmulatorFlawsAsync(async () =>
        Assert.That(await Guest.KernelLogAsync(Doubts + "|" + DeviceErrors), Is.Empty));

    [Test, Order(4)]
    public Task After_power_off_every_reported_record_is_on_the_disk() => SkippingEmulatorFlawsAsync(ExpectRecordsAfterPowerOffAsync);
}
