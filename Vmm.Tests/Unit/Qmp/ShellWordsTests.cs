using Vmm.Qmp.Hmp;
using Vmm.Qmp.Schema;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>A command line at the human monitor, by the rules that GLib documents for g_shell_parse_argv.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class ShellWordsTests
{
    private const string Empty = "Text was empty (or contained only whitespace)";

    [TestCase("/bin/x -a \"b c\" d", "/bin/x", "-a", "b c", "d")]
    [TestCase("a", "a")]
    [TestCase("  a \t b \n c  ", "a", "b", "c")]
    [TestCase("a\rb \vc", "a\rb", "\vc")]
    [TestCase("\u00e9 \u201cx\u201d", "\u00e9", "\u201cx\u201d")]
    public void Blanks_tabs_and_ends_of_lines_separate_words(string line, params string[] words) => Splits(line, words);

    [TestCase("''", "")]
    [TestCase("a \"\" b", "a", "", "b")]
    [TestCase("'a  b'", "a  b")]
    [TestCase(@"'\ \n \\ ""$x""'", @"\ \n \\ ""$x""")]
    [TestCase("'a'b'c'", "abc")]
    [TestCase("a'b c'\"d e\"f", "ab cd ef")]
    [TestCase("'it'\\''s'", "it's")]
    [TestCase("'a\nb'", "a\nb")]
    public void What_is_in_single_quotes_stays_as_it_is(string line, params string[] words) => Splits(line, words);

    [TestCase("\"a 'b' c\"", "a 'b' c")]
    [TestCase(@"""\$ \` \"" \\""", @"$ ` "" \")]
    [TestCase("\"a\\\nb\"", "a\nb")]
    [TestCase(@"""\a \n \'""", @"\a \n \'")]
    [TestCase("\"#\"", "#")]
    [TestCase(@"""a\\""b", @"a\b")]
    public void In_double_quotes_a_backslash_takes_the_meaning_of_five_characters(string line, params string[] words) => Splits(line, words);

    [TestCase(@"a\ b", "a b")]
    [TestCase(@"\a\n\\", @"an\")]
    [TestCase(@"\""\'", "\"'")]
    [TestCase("a\\\nb", "ab")]
    [TestCase("a \\\n b", "a", "b")]
    [TestCase(@"\#a", "#a")]
    public void Outside_of_quotes_a_backslash_takes_the_meaning_of_any_character(string line, params string[] words) => Splits(line, words);

    [TestCase("a # b 'c", "a")]
    [TestCase("# a\nb", "b")]
    [TestCase("a #b\nc", "a", "c")]
    [TestCase("a#b", "a#b")]
    [TestCase("a\t#b", "a", "#b")]
    [TestCase("\\ #b", " #b")]
    [TestCase("a\\\n#b", "a#b")]
    [TestCase("''#b", "#b")]
    [TestCase("a \"#\" b", "a", "#", "b")]
    [TestCase("a #", "a")]
    public void A_comment_begins_with_a_word_and_ends_with_the_line(string line, params string[] words) => Splits(line, words);

    [TestCase("$HOME ~ * `x` a|b;c&d>e", "$HOME", "~", "*", "`x`", "a|b;c&d>e")]
    [TestCase("\"$HOME\"", "$HOME")]
    public void Nothing_is_expanded(string line, params string[] words) => Splits(line, words);

    [TestCase("")]
    [TestCase(" \t\n")]
    [TestCase("# a")]
    [TestCase("#")]
    [TestCase("\\\n")]
    public void A_line_without_a_word_is_refused(string line) => Refuses(line, Empty);

    [TestCase(@"\", "Text ended just after a \u201c\\\u201d character. (The text was \u201c\\\u201d)")]
    [TestCase(@"a b\", "Text ended just after a \u201c\\\u201d character. (The text was \u201ca b\\\u201d)")]
    [TestCase("'a", "Text ended before matching quote was found for '. (The text was \u201c'a\u201d)")]
    [TestCase("a \"b'", "Text ended before matching quote was found for \". (The text was \u201ca \"b'\u201d)")]
    [TestCase("\"a\\\"", "Text ended before matching quote was found for \". (The text was \u201c\"a\\\"\u201d)")]
    [TestCase("\"a\\", "Text ended before matching quote was found for \". (The text was \u201c\"a\\\u201d)")]
    public void A_quotation_without_an_end_is_refused_with_the_text(string line, string error) => Refuses(line, error);

    [Test]
    public void A_word_of_a_million_characters_and_a_million_words_are_read()
    {
        string word = new('x', 1 << 20);

        Assert.That(ShellWords.Split($"'{word}' \"{word}\" {word}"), Is.EqualTo(new[] { word, word, word }));
        Assert.That(ShellWords.Split(string.Concat(Enumerable.Repeat("a ", 1 << 20))), Has.Count.EqualTo(1 << 20));
        Refuses("'" + word, $"Text ended before matching quote was found for '. (The text was \u201c'{word}\u201d)");
    }

    [Test]
    public void A_NUL_is_a_character_as_any_other() => Splits("a\0b '\0'", "a\0b", "\0");

    private static void Splits(string line, params string[] words) => Assert.That(ShellWords.Split(line), Is.EqualTo(words));

    private static void Refuses(string line, string error) =>
        Assert.That(() => ShellWords.Split(line), Throws.TypeOf<QmpException>().With.Message.EqualTo(error));
}
