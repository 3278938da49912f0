using System.Text;
using Vmm.Qmp.Hmp;

namespace Vmm.Tests.Unit.Qmp;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LineEditorTests
{
    private readonly LineEditor _editor = new("> ", ["info status", "info name", "migrate", "migrate_cancel", "stop"]);

    [TestCase("stop\r", "stop")]
    [TestCase("stop\r\n", "stop")]
    [TestCase("stop\n", "stop")]
    [TestCase("é😀\r", "é😀")]
    [TestCase("stpo\x7f\x7fop\r", "stop")]
    [TestCase("top\e[Hs\r", "stop")]
    [TestCase("sop\e[D\e[Dt\r", "stop")]
    [TestCase("xstop\x01\x04\r", "stop")]
    [TestCase("xstop\e[1~\e[3~\r", "stop")]
    [TestCase("stop now\x17\x17stop\r", "stop")]
    [TestCase("one two\x15stop\r", "stop")]
    [TestCase("stop now\e[D\e[D\e[D\e[D\x0b\r", "stop")]
    [TestCase("sto\t\r", "stop ")]
    [TestCase("mi\t\r", "migrate")]
    [TestCase("inf\ts\t\r", "info status ")]
    [TestCase("stop\e[99;99X\r", "stop")]
    [TestCase("one\rtwo\r\e[A\e[A\r", "one|two|one")]
    [TestCase("one\rtwo\r\x10\x10\x0e\r", "one|two|two")]
    [TestCase("one\r\e[A\e[Bthree\r", "one|three")]
    public void Keys_make_lines(string keys, string lines) => Assert.That(string.Join('|', Type(keys).Lines), Is.EqualTo(lines));

    [Test]
    public void What_is_typed_at_the_end_of_the_line_is_echoed_as_it_is() => Assert.That(Type("stop\r").Echo, Is.EqualTo("stop\r\n"));

    [Test]
    public void A_change_within_the_line_redraws_it_and_puts_the_cursor_back() =>
        Assert.That(Type("ab\e[Dx").Echo, Is.EqualTo("ab\r> ab\e[K\e[1D\r> axb\e[K\e[1D"));

    [Test]
    public void A_second_tab_shows_the_choices() =>
        Assert.That(Type("info \t").Echo, Is.EqualTo("info \r\ninfo name\r\ninfo status\r\n\r> info \e[K"));

    private (List<string> Lines, string Echo) Type(string keys)
    {
        var lines = new List<string>();
        var echo = new StringBuilder();
        foreach (byte key in Encoding.UTF8.GetBytes(keys))
        {
            if (_editor.Press(key, echo) is { } line)
            {
                lines.Add(line);
            }
        }

        return (lines, echo.ToString());
    }
}
