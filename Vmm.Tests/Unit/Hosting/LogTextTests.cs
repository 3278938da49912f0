using System.Text;
using Vmm.Hosting;

namespace Vmm.Tests.Unit.Hosting;

/// <summary>What becomes of a text on its way to a log.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class LogTextTests
{
    [TestCase("a\nb", "a\\nb")]
    [TestCase("a\r\tb", "a\\x0d\\tb")]
    [TestCase("\u001b[2J\u0007\u007f", "\\x1b[2J\\x07\\x7f")]
    [TestCase("\u009b31m", "\\x9b31m")]
    [TestCase("a\u2028b\u202ec", "a\\u2028b\\u202ec")]
    [TestCase("gr\u00fc\u00df \u4e16 \U0001f600", "gr\u00fc\u00df \u4e16 \U0001f600")]
    [Promise(48)]
    public void No_character_that_a_terminal_obeys_gets_into_a_line(string text, string line) =>
        Assert.That(Encoding.UTF8.GetString(LogText.ToLine(text)), Is.EqualTo(line + "\n"));

    [TestCase("x", 16 << 20)]
    [TestCase("\u001b", 100_000)]
    [TestCase("\u4e16", 100_000)]
    [Promise(48)]
    public void A_text_of_any_length_is_one_write_and_says_how_much_is_missing(string part, int count)
    {
        byte[] line = LogText.ToLine(string.Concat(Enumerable.Repeat(part, count)));

        Assert.That(line, Has.Length.AtMost(4096).And.Length.GreaterThan(4000));
        Assert.That(Encoding.UTF8.GetString(line), Does.Match(@"\.\.\. \(\d+ more characters\)\n$"));
    }
}
