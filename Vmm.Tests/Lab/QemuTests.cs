using System.Globalization;
using System.Text.Json.Nodes;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>The drivers, and the Linux guest, against a VMM that is known to be right: QEMU's emulation, on this machine.</summary>
public sealed class QemuTests
{
    private readonly LocalHost _host = new();
    private string _folder = "";
    private VmmProcess _qemu = null!;
    private ConsoleReader _console = null!;
    private QmpClient _qmp = null!;
    private HmpClient _monitor = null!;

    [OneTimeSetUp]
    public async Task Boot()
    {
        _folder = await _host.MakeFolderAsync();
        var arguments = new ArgumentList
        {
            { "-machine", "pc" }, { "-accel", "tcg" }, { "-smp", "2" }, { "-m", "256" },
            "-nodefaults", "-no-user-config", { "-display", "none" },
            { "-kernel", _host.GuestKernel }, { "-initrd", _host.GuestInitramfs }, { "-append", "console=ttyS0 quiet" },
            { "-chardev", "socket,id=console,path=console.sock,server=on,wait=on" }, { "-serial", "chardev:console" },
            { "-qmp", "unix:qmp.sock,server=on,wait=off" }, { "-monitor", "stdio" },
        };
        _qemu = await VmmProcess.StartAsync(_host, "qemu-system-x86_64", arguments, _folder);
        _console = new ConsoleReader(await _qemu.ConnectAsync("console.sock"));
        _qmp = await _qemu.OpenQmpAsync("qmp.sock");
        _monitor = await _qemu.OpenMonitorAsync("(qemu) ");
        await _console.WaitForLineAsync("guest: up", Timeouts.Boot);
    }

    [OneTimeTearDown]
    public async Task End()
    {
        await _qemu.DisposeAsync();
        await _qmp.DisposeAsync();
        await _console.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Test, Order(1)]
    public async Task A_guest_left_alone_has_a_steady_pulse()
    {
        await _console.WaitForTicksAsync(40);

        var verdict = PulseVerdict.Of(_console.Lines);

        TestContext.Out.WriteLine(verdict);
        Assert.That(verdict.Holds, Is.True, verdict.ToString());
    }

    [Test, Order(2)]
    public async Task The_guest_runs_commands_between_its_ticks()
    {
        var processors = await _console.RunAsync("nproc");
        var failing = await _console.RunAsync("echo a; echo b; exit 7");

        Assert.Multiple(() =>
        {
            Assert.That(processors, Is.EqualTo(new CommandResult(0, "2\n", "")));
            Assert.That(failing, Is.EqualTo(new CommandResult(7, "a\nb\n", "")));
        });
    }

    [Test, Order(2)]
    public async Task The_monitor_answers_without_its_echo()
    {
        Assert.That(await _monitor.ExecuteAsync("info status"), Is.EqualTo("VM status: running\n"));
        Assert.That(await _monitor.ExecuteAsync("info name"), Is.Empty);
    }

    [Test, Order(2)]
    public async Task A_qmp_error_is_an_exception_with_class_and_text()
    {
        var unknown = Assert.ThrowsAsync<QmpException>(() => _qmp.ExecuteAsync("no-such-command"));
        Assert.That(unknown?.Class, Is.EqualTo("CommandNotFound"));

        await _qmp.SendRawAsync("{\"execute\": 1}\n"u8.ToArray());
        Assert.That(await _qmp.ReceiveAsync(), Does.Contain("\"error\""));
    }

    [Test, Order(3)]
    public async Task A_guest_stopped_for_a_second_fails_the_verdict()
    {
        await _console.WaitForTicksAsync(15);
        var before = _console.LastTick;
        await _qmp.ExecuteAsync("stop");
        await _qmp.WaitForEventAsync("STOP");
        Assert.That(
            () => _console.WaitForTicksAsync(3, TimeSpan.FromSeconds(1)), Throws.InstanceOf<TimeoutException>(), "stopped");
        await _qmp.ExecuteAsync("cont");
        await _qmp.WaitForEventAsync("RESUME");
        var after = _console.LastTick;
        await _console.WaitForTicksAsync(15);

        var verdict = PulseVerdict.Of(_console.Lines, new Interruption(before, after));

        Assert.That(verdict.Faults, Has.Some.Contains("CLOCK_MONOTONIC moved"), verdict.ToString());
    }

    [Test, Order(4)]
    public async Task The_power_button_switches_the_guest_off()
    {
        await _qmp.ExecuteAsync("human-monitor-command", new JsonObject { ["command-line"] = "system_powerdown" });

        var shutdown = await _qmp.WaitForEventAsync("SHUTDOWN");

        Assert.That(shutdown.Data.GetProperty("reason").GetString(), Is.EqualTo("guest-shutdown"));
        Assert.That(await _qemu.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
    }

    [Test]
    public void A_process_that_ends_early_says_why()
    {
        var failure = Assert.ThrowsAsync<IOException>(async () =>
        {
            await using var broken = await VmmProcess.StartAsync(_host, "qemu-system-x86_64", ["-no-such-option"], _folder);
            await broken.OpenQmpAsync("never.sock");
        });

        Assert.That(failure?.Message, Does.Contain("status 1").And.Contain("-no-such-option: invalid option"));
    }
}
