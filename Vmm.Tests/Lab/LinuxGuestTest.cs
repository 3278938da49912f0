using System.Text.Json;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>Tests that share one guest and go through its life in order.</summary>
[NonParallelizable]
public abstract class LinuxGuestTest(int vcpus, params string[] more)
{
    /// <summary>What a kernel's log says when the kernel doubts a clock, or a processor that was away too long.</summary>
    private protected const string Doubts =
        @"clocksource.*unstable|tsc warp|check_tsc_sync_source failed|soft lockup|hard lockup|rcu.*stall|blocked for more than|\bBUG:|\bWARNING:";

    /// <summary>What it says when a device has failed.</summary>
    private protected const string DeviceErrors = "i/o error|ext4-fs error|blk_update_request|vda.*(error|timeout)|virtio.*(error|fail)";

    private protected LinuxGuest Guest { get; private set; } = null!;

    [OneTimeSetUp]
    public async Task Boot()
    {
        var parts = await MakePartsAsync();
        Guest = await LinuxGuest.BootAsync(HostFixture.Host, vcpus, await HostFixture.Control, Timeouts.Boot, parts, more);
    }

    [OneTimeTearDown]
    public async Task End()
    {
        if (Guest is not null)
        {
            await Guest.DisposeAsync();
        }
    }

    [TearDown]
    public void ReportWhatTheProcessesSaid()
    {
        if (TestContext.CurrentContext.Result.FailCount > 0)
        {
            TestContext.Out.WriteLine(Guest.Account);
        }
    }

    /// <summary>Makes what the guest has that others have not.</summary>
    private protected virtual Task<LinuxGuestParts> MakePartsAsync() => Task.FromResult(LinuxGuestParts.None);

    /// <summary>Runs a test and distinguishes failures of the emulator; one that is skipped for it reports all that is known of its guest.</summary>
    private protected async Task SkippingEmulatorFlawsAsync(Func<Task> test)
    {
        try
        {
            await EmulatorFlaws.SkippingEmulatorFlawsAsync(test);
        }
        catch (IgnoreException)
        {
            await TestContext.Out.WriteLineAsync(Guest.Account);
            throw;
        }
    }

    /// <summary>Does what makes the guest reboot, and holds the event to its reason.</summary>
    private protected async Task RebootAsync()
    {
        await Guest.RebootAsync(() => Guest.Console.TypeAsync("reboot -f"));
        var reset = await Guest.Qmp.WaitForEventAsync("RESET");
        Assert.That(Reason(reset.Data), Is.EqualTo("guest-reset"));
    }

    /// <summary>Waits until the guest has switched itself off and its process has ended.</summary>
    private protected async Task ExpectOffAsync()
    {
        var shutdown = await Guest.WaitForEventAsync("SHUTDOWN");
        Assert.That(Reason(shutdown.Data), Is.EqualTo("guest-shutdown"));
        Assert.That(await Guest.Process.Exited.WaitAsync(Timeouts.Answer), Is.Zero, Guest.Errors);
    }

    /// <summary>Presses the power button, and judges the disk when the guest is off.</summary>
    private protected async Task ExpectRecordsAfterPowerOffAsync()
    {
        int saved = await Guest.SavedAsync();
        await Guest.Qmp.ExecuteAsync("system_powerdown");
        await ExpectOffAsync();
        var verdict = await DiskVerdict.OfAsync(HostFixture.Host, Guest.Image, saved);
        await TestContext.Out.WriteLineAsync(verdict.ToString());
        Assert.That(verdict.Faults, Is.Empty);
        Assert.That(verdict.Records, Is.GreaterThan(0));
    }

    private static string? Reason(JsonElement data) => data.GetProperty("reason").GetString();
}
