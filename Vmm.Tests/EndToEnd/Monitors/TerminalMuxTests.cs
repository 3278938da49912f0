using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Monitors;

/// <summary>-serial mon:stdio at a terminal: the guest's console and the monitor share it, and the keys behind Ctrl-A change between them.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TerminalMuxTests : EndToEndTest
{
    private const string Escape = "\x01";

    private Terminal _terminal = null!;
    private VmmProcess _vmm = null!;

    [SetUp]
    public async Task Boot()
    {
        _terminal = Keep(new Terminal());
        _vmm = await StartAsync(_terminal.Running(ProgramFixture.Program), TinyMachine.Booting("counter", "-serial", "mon:stdio"));
    }

    [Test]
    public async Task The_monitor_is_one_key_away_and_shows_its_line_again()
    {
        _terminal.Press(Escape + "c");
        Assert.That(await _terminal.ReadToAsync(TinyMachine.Prompt), Does.Contain("monitor - type 'help' for more information\r\n(qemu) "));

        _terminal.Press("info status\r");
        Assert.That(await _terminal.ReadToAsync("running\r\n" + TinyMachine.Prompt), Does.Contain("info status\r\nVM status: running"));
        _terminal.Press($"{Escape}c{Escape}c");

        Assert.That(await _terminal.ReadToAsync(TinyMachine.Prompt), Does.EndWith("\r\n(qemu) "));
    }

    [Test]
    public async Task The_key_of_exit_ends_the_program_and_gives_the_terminal_back()
    {
        _terminal.Press(Escape + "x");

        await _terminal.ReadToAsync("QEMU: Terminated");
        Assert.That(await _vmm.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
        Assert.That(_terminal.IsCooked);
    }

    [Test]
    public async Task Query_chardev_shows_the_mux_and_what_is_under_it()
    {
        var qmp = await OpenQmpAsync(_vmm);

        var names = (await qmp.ExecuteAsync("query-chardev")).EnumerateArray()
            .ToDictionary(chardev => chardev.GetProperty("label").GetString()!, chardev => chardev.GetProperty("filename").GetString());

        Assert.That(names["serial0"], Is.EqualTo("mux"));
        Assert.That(names["serial0-base"], Is.EqualTo("stdio"));
    }
}
