using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>The new program is asked before anything stops: what it refuses costs the guest nothing.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RefusedProgramTests : ExecTest
{
    [TestCase("/no/such/program", "execvp /no/such/program failed: No such file or directory")]
    [TestCase("no-such-program", "execvp no-such-program failed: No such file or directory")]
    [TestCase("/bin/true", "exited with status 0, and did not answer")]
    [TestCase("/bin/false", "exited with status 1, and did not answer")]
    [TestCase("/etc/passwd", "execvp /etc/passwd failed: Permission denied")]
    [Promise(60)]
    public async Task A_program_that_is_none_of_this_product(string program, string reason)
    {
        await BootAsync();
        await RefusesAsync([program], reason);
    }

    [TestCase("/bin/sh", "-c", "\"$0\" \"$@\"; exit $?")]
    [TestCase("timeout", "1000")]
    [Promise(60)]
    public async Task A_wrapper_that_starts_the_program_in_another_process(params string[] wrapper)
    {
        await BootAsync();
        await RefusesAsync([.. wrapper, .. Command], "cpr-exec-command starts vmm in a process of its own, a child of process ");
    }

    [Test]
    public async Task A_program_of_another_architecture()
    {
        await BootAsync();
        string program = InFolder("foreign");
        byte[] image = File.ReadAllBytes(ProgramFixture.Program)[..4096];
        image[18] = 183; // e_machine: aarch64
        File.WriteAllBytes(program, image);
        await Host.RunAsync($"chmod +x {Shell.Quote(program)}");

        await RefusesAsync([program], "failed: Exec format error");
    }

    [TestCase("-nosuchoption", "-nosuchoption: invalid option")]
    [TestCase("-version", "the command line asks for a text, and a guest waits")]
    [TestCase("-smp 2", "count is '1' in the old process and '2' in the new one")]
    [TestCase("-m 8M", "-m: Size specified by -m option must match size of explicitly specified 'memory-backend' property")]
    [TestCase("-serial null", "serial")]
    [TestCase("-machine rtc=off", "rtc")]
    [Promise(60)]
    public async Task A_command_line_that_does_not_fit(string more, string reason)
    {
        await BootAsync();
        await RefusesAsync([.. Command, .. more.Split(' ')], reason);
    }

    [TestCase("8M", "size is '16777216' (16 MiB) in the old process and '8388608' (8 MiB) in the new one")]
    [TestCase("32M", "size is '16777216' (16 MiB) in the old process and '33554432' (32 MiB) in the new one")]
    public async Task RAM_of_another_size(string size, string reason)
    {
        await BootAsync();
        await RefusesAsync([.. Command.Select(word => word.Replace("16M", size, StringComparison.Ordinal))], reason);
    }

    [Test]
    public async Task A_device_that_only_the_old_program_has()
    {
        string[] device = ["-object", "rng-random,id=random,filename=/dev/urandom", "-device", "virtio-rng-device,id=rng0,rng=random"];
        await BootAsync(device);

        await RefusesAsync(Command[..^device.Length], "device virtio-rng-device at virtio-mmio-bus.23 is absent in the new process");
    }

    [Test]
    public async Task RAM_that_is_not_shared()
    {
        await BootAsync(sharesRam: false);
        await SetAsync(Command);

        Assert.That(
            () => Guest.Qmp.ExecuteAsync("migrate"),
            Throws.InstanceOf<Vmm.Lab.Drivers.QmpException>().With.Message.Contains("share=on is required"));
    }

    [Test]
    public async Task However_often_nothing_is_left_open()
    {
        await BootAsync();
        await AskAsync("/bin/true");
        await Guest.ExpectFailureAsync();
        string[] before = ProcessFiles.Of(Guest.Process);

        for (int attempt = 0; attempt < 10; attempt++)
        {
            await AskAsync("/bin/true");
            await Guest.ExpectFailureAsync();
        }

        Assert.That(ProcessFiles.Of(Guest.Process), Is.EquivalentTo(before));
    }

    [Test]
    public async Task The_next_attempt_succeeds()
    {
        await BootAsync();
        await RefusesAsync(["/bin/true"], "did not answer");
        await HopAsync();
        AssertWhole();
    }

    private async Task RefusesAsync(string[] command, string reason)
    {
        await SetAsync(command);
        var verdict = await Guest.Qmp.ExecuteAsync("x-cpr-preflight");
        Assert.That(verdict.GetProperty("would-succeed").GetBoolean(), Is.False);

        await Guest.Qmp.ExecuteAsync("migrate");

        Assert.That(await Guest.ExpectFailureAsync(), Does.Contain(reason));
        Assert.That(verdict.GetProperty("reasons").ToString(), Does.Contain(reason));
        Assert.That(Guest.History, Is.EqualTo(new[] { "MIGRATION setup", "MIGRATION failed" }));
        Assert.That(await Guest.StatusAsync(), Is.EqualTo("running"));
        await CountsAsync();
        AssertWhole();
    }
}
