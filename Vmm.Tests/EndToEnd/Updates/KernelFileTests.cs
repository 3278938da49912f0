using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A reset loads the kernel again, in every process of the line, even when its file was removed.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class KernelFileTests : UpdateTest
{
    [Test]
    [Promise(27)]
    public async Task Kernel_and_initrd_may_be_deleted_after_the_first_boot()
    {
        File.Copy(Host.TinyGuest("hello"), InFolder("kernel.elf"));
        await File.WriteAllBytesAsync(InFolder("initrd"), new byte[10_000]);
        var generation = await BootAsync(TinyMachine.Headless("kernel.elf").With("-initrd", "initrd", "-serial", "file:serial.out"));
        var serial = new GrowingFile(InFolder("serial.out"));
        string expected = "hello from vmm\n";
        await serial.WaitForAsync(expected);
        File.Delete(InFolder("kernel.elf"));
        File.Delete(InFolder("initrd"));

        for (int hop = 0; hop < 3; hop++)
        {
            generation = await HopAsync(generation);
            await generation.Qmp.ExecuteAsync("system_reset");
            await generation.Qmp.WaitForEventAsync("RESET");
            expected += "hello from vmm\n";
            await serial.WaitForAsync(expected);
        }
    }

    [Test]
    public async Task A_guest_that_reboots_itself_comes_up_in_the_new_process()
    {
        File.Copy(Host.TinyGuest("reset"), InFolder("kernel.elf"));
        var old = await BootAsync(TinyMachine.Headless("kernel.elf").With("-serial", "file:serial.out", "-S"));
        File.Delete(InFolder("kernel.elf"));
        var successor = await HopAsync(old);

        await successor.Qmp.ExecuteAsync("cont");

        await new GrowingFile(InFolder("serial.out")).WaitUntilAsync(
            text => text.StartsWith("up\nup\nup\n", StringComparison.Ordinal), "three boots");
    }

    [Test]
    [Promise(27)]
    public async Task A_guest_that_only_resets_itself_goes_over_at_the_first_attempt_each_time()
    {
        var generation = await BootAsync("reset", "-serial", "file:serial.out");
        var serial = new GrowingFile(InFolder("serial.out"));
        for (int hop = 0; hop < 10; hop++)
        {
            await serial.WaitForGrowthAsync();
            var old = generation;
            generation = await HopAsync(old);
            await QuitAsync(old);
        }

        await serial.WaitForGrowthAsync();
        Assert.That(serial.Text, Does.Match(@"\A(up\n)+(u|up)?\z"), "no boot was cut short");
    }
}
