using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Monitors;

/// <summary>-monitor stdio at a terminal: the line is edited, the history recalled, and what is shown is compared byte for byte.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TerminalMonitorTests : EndToEndTest
{
    private const string Enter = "\r";
    private const string Backspace = "\x7f";
    private const string Up = "\e[A";
    private const string Down = "\e[B";
    private const string Left = "\e[D";
    private const string CtrlA = "\x01";
    private const string CtrlE = "\x05";
    private const string CtrlK = "\x0b";
    private const string Running = "VM status: running\r\n";
    private const string Paused = "VM status: paused\r\n";

    private Terminal _terminal = null!;
    private VmmProcess _vmm = null!;

    [SetUp]
    public async Task Boot()
    {
        _terminal = Keep(new Terminal());
        _vmm = await StartAsync(
            _terminal.Running(ProgramFixture.Program), TinyMachine.Booting("counter", "-monitor", "stdio"));
        Assert.That(
            await _terminal.ReadToAsync(TinyMachine.Prompt),
            Does.Match(@"^vmm \d+\.\d+\.\d+ monitor - type 'help' for more information\r\n\(qemu\) $"));
    }

    [Test]
    public async Task What_is_typed_is_echoed_once_and_answered()
    {
        _terminal.Press("info status" + Enter);

        Assert.That(await AnswerAsync(), Is.EqualTo("info status\r\n" + Running + TinyMachine.Prompt));
    }

    [Test]
    public async Task Backspace_takes_the_last_character_away_and_redraws_prompt_and_line()
    {
        _terminal.Press("info statuz" + Backspace);

        Assert.That(await _terminal.ReadToAsync("\e[K"), Is.EqualTo($"info statuz\r{TinyMachine.Prompt}info statu\e[K"));
        _terminal.Press("s" + Enter);
        Assert.That(await AnswerAsync(), Is.EqualTo("s\r\n" + Running + TinyMachine.Prompt));
    }

    [Test]
    public async Task Arrow_up_and_down_walk_through_what_was_typed_before()
    {
        await TypeAsync("stop");
        await TypeAsync("info status");
        _terminal.Press(Up + Up + Down);

        Assert.That(await _terminal.ReadToAsync("\e[K"), Is.EqualTo($"\r{TinyMachine.Prompt}info status\e[K"));
        Assert.That(await _terminal.ReadToAsync("\e[K"), Is.EqualTo($"\r{TinyMachine.Prompt}stop\e[K"));
        Assert.That(await _terminal.ReadToAsync("\e[K"), Is.EqualTo($"\r{TinyMachine.Prompt}info status\e[K"));
        _terminal.Press(Enter);
        Assert.That(await AnswerAsync(), Is.EqualTo("\r\n" + Paused + TinyMachine.Prompt));
    }

    [Test]
    public async Task Ctrl_A_and_Ctrl_E_go_to_the_lines_ends_and_what_is_typed_there_moves_the_rest()
    {
        _terminal.Press("nfo statu" + CtrlA + "i" + CtrlE + "s" + Enter);

        Assert.That(
            await AnswerAsync(),
            Is.EqualTo(
                "nfo statu"
                + $"\r{TinyMachine.Prompt}nfo statu\e[K\e[9D"
                + $"\r{TinyMachine.Prompt}info statu\e[K\e[9D"
                + $"\r{TinyMachine.Prompt}info statu\e[K"
                + "s\r\n" + Running + TinyMachine.Prompt));
    }

    [Test]
    public async Task A_recalled_line_is_edited_in_its_middle_and_stays_in_the_history_as_it_was()
    {
        await TypeAsync("info name");
        _terminal.Press(Up + Left + Left + Left + Left + CtrlK + "status" + Enter);
        Assert.That(await AnswerAsync(), Does.EndWith("info \e[Kstatus\r\n" + Running + TinyMachine.Prompt));

        _terminal.Press(Up + Up);

        Assert.That(await _terminal.ReadToAsync("\e[K"), Is.EqualTo($"\r{TinyMachine.Prompt}info status\e[K"));
        Assert.That(await _terminal.ReadToAsync("\e[K"), Is.EqualTo($"\r{TinyMachine.Prompt}info name\e[K"));
    }

    [Test]
    public async Task The_terminal_gets_its_mode_back_at_the_end()
    {
        Assert.That(_terminal.IsCooked, Is.False);
        _terminal.Press("quit" + Enter);

        Assert.That(await _vmm.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
        Assert.That(_terminal.IsCooked, Is.True);
    }

    private Task<string> AnswerAsync() => _terminal.ReadToAsync("\r\n" + TinyMachine.Prompt);

    private async Task TypeAsync(string line)
    {
        _terminal.Press(line + Enter);
        await AnswerAsync();
    }
}
