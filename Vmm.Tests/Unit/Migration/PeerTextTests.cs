using Vmm.Migration;
using Vmm.Migration.Channels;

namespace Vmm.Tests.Unit.Migration;

/// <summary>What a peer says, as an operator reads it.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class PeerTextTests
{
    [TestCase("plain, with 'quotes', \\ and …", "plain, with 'quotes', \\ and …")]
    [TestCase("two\nlines\r\n\tof it", "two\\nlines\\r\\n\\tof it")]
    [TestCase("\u001b[2Jgone\u0007\u007f\u0000", "\\x1b[2Jgone\\x07\\x7f\\x00")]
    [TestCase("\u009b31m", "\\x9b31m")]
    [TestCase("back\u202ewards\u2028", "back\\u{202e}wards\\u{2028}")]
    [TestCase("Grüße, 你好 🙂", "Grüße, 你好 🙂")]
    [Promise(45)]
    public void What_a_terminal_would_obey_is_written_out(string said, string shown) => Assert.That(PeerText.Of(said), Is.EqualTo(shown));

    [Test]
    [Promise(45)]
    public void A_text_of_the_longest_length_stays_and_a_longer_one_says_how_much_is_missing()
    {
        string longest = new('x', ProtocolLimits.LongestText);
        Assert.That(PeerText.Of(longest), Is.EqualTo(longest));

        string cut = PeerText.Of(longest + "x");
        Assert.That(cut, Does.Match("^x+… and [0-9]+ characters more$"));
        Assert.That(cut, Has.Length.LessThanOrEqualTo(ProtocolLimits.LongestText));
        int missing = int.Parse(cut.Split(' ')[2], System.Globalization.CultureInfo.InvariantCulture);
        Assert.That(cut.Count(c => c == 'x') + missing, Is.EqualTo(longest.Length + 1));
    }

    [Test]
    [Promise(45)]
    public void Texts_of_the_largest_sum_stay_and_of_more_it_says_how_many_are_missing()
    {
        string[] most = [.. Enumerable.Repeat(new string('x', 1024), ProtocolLimits.LongestTexts / 1024)];
        Assert.That(PeerText.Of(most), Is.EqualTo(most));

        var cut = PeerText.Of([.. most, "y"]);
        Assert.That(cut[^1], Is.EqualTo($"… and {most.Length + 1 - (cut.Count - 1)} more"));
        Assert.That(cut.Sum(text => text.Length), Is.LessThanOrEqualTo(ProtocolLimits.LongestTexts));
    }

    [Test]
    public void What_was_cut_once_is_not_cut_again()
    {
        string cut = PeerText.Of(new string('\n', 1 << 20));
        var texts = PeerText.Of([.. Enumerable.Repeat(new string('x', 3000), 4096)]);

        Assert.That(PeerText.Of(cut), Is.EqualTo(cut));
        Assert.That(PeerText.Of(texts), Is.EqualTo(texts));
    }

    [Test]
    [Promise(45)]
    public void An_error_is_one_line_and_not_too_long_whatever_is_in_it()
    {
        var error = new HandoverException($"it said {new string('\n', 1 << 20)}");
        Assert.That(error.Message, Does.StartWith("it said \\n\\n").And.Length.LessThanOrEqualTo(ProtocolLimits.LongestError));
    }
}
