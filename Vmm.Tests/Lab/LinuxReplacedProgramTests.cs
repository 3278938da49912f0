using System.Globalization;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Lab;

/// <summary>
/// A Debian guest with every device, whose program on the host is replaced by both modes in turn: by another process (cpr-transfer), and in the same
/// process (cpr-exec). Meanwhile it writes, prints and serves. Halfway it is saved and restored, which ends its process and so its clients' connections.
/// </summary>
[Category(SoakAttribute.Name)]
public sealed class LinuxReplacedProgramTests() : LinuxGuestTest(Math.Min(2, HostSelector.ProcessorsForGuests), LinuxDevices.All)
{
    private const int Replacements = 10;

    /// <summary>What the guest may notice of being saved and restored, in its own time.</summary>
    private static readonly TimeSpan LongestGap = PulseVerdict.AllowedSilence;

    private readonly List<byte> _said = [];

    [Test, Order(1)]
    public Task Both_modes_in_turn_stop_no_writer_and_no_client() => SkippingEmulatorFlawsAsync(ReplaceInTurnAsync);

    [Test, Order(2)]
    public Task Saved_and_restored_it_goes_on() => SkippingEmulatorFlawsAsync(async () =>
    {
        int saved = await Guest.SavedAsync();

        await using var before = await Guest.StandByAsync("exec:cat > saved", "exec:cat < saved");

        _said.AddRange(before.Bytes);
        await Guest.ExpectNoOtherProcessAsync();
        var noticed = TimeSpan.FromMicroseconds((Guest.Console.Ticks[0].Monotonic - before.Ticks[^1].Monotonic) / 1e3);
        await TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{noticed.TotalMilliseconds:0.0} ms of the guest's time between two ticks"));
        Assert.That(noticed, Is.LessThan(LongestGap));
        Assert.That(await Guest.SavedAsync(), Is.GreaterThan(saved), "records saved since");
    });

    [Test, Order(3)]
    public Task Restored_it_is_replaced_as_before() => SkippingEmulatorFlawsAsync(ReplaceInTurnAsync);

    [Test, Order(4)]
    public Task No_tick_of_its_pulse_is_missing_and_none_came_twice() => SkippingEmulatorFlawsAsync(async () =>
    {
        _said.AddRange(Guest.Console.Bytes);
        var ticks = Tick.AllIn([.. _said]);
        var gaps = ticks.Zip(ticks.Skip(1), (a, b) => b.Monotonic - a.Monotonic).ToList();
        await TestContext.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture, $"{ticks.Count} ticks, longest gap between two {gaps.Max() / 1e6:0.0} ms, longest sleep of 5 ms {ticks.Max(tick => tick.Gap) / 1e6:0.0} ms"));
        Assert.That(ticks.Select(tick => tick.Count), Is.EqualTo(Enumerable.Range((int)ticks[0].Count, ticks.Count).Select(count => (long)count)));
    });

    [Test, Order(4)]
    public Task Its_kernel_noticed_nothing() => SkippingEmulatorFlawsAsync(async () =>
        Assert.That(await Guest.KernelLogAsync(Doubts + "|" + DeviceErrors), Is.Empty));

    [Test, Order(5)]
    public Task After_power_off_every_reported_record_is_on_the_disk_and_no_process_is_left() => SkippingEmulatorFlawsAsync(async () =>
    {
        await ExpectRecordsAfterPowerOffAsync();
        await Guest.ExpectNoOtherProcessAsync();
    });

    private async Task ReplaceInTurnAsync()
    {
        await using var clients = await GuestClients.ConnectAsync(Guest);
        await clients.KeepBusyAsync();
        for (int replacement = 0; replacement < Replacements; replacement++)
        {
            await (replacement % 2 == 0
                ? CrossAsync(clients, "cpr-exec", () => Guest.ReplaceAsync())
                : CrossAsync(clients, "cpr-transfer", () => Guest.HopAsync(replacement % 4 == 1 ? UpdateForm.CprUri : UpdateForm.Channels)));
        }

        await TestContext.Out.WriteLineAsync(await clients.EndAsync());
        Assert.That((await Guest.JudgeAsync()).Faults, Is.Empty);
    }

    private static async Task CrossAsync(GuestClients clients, string mode, Func<Task<TimeSpan>> cross)
    {
        var pause = await clients.OutliveAsync(cross);
        await TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{mode}: pause {pause.TotalMilliseconds:0.0} ms"));
    }
}
