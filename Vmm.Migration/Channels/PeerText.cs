// What a peer says in words goes where an operator reads: log lines, error-desc, the human monitor's terminal. The peer is not trusted with any of
// them. So its texts are made harmless where they enter: what a terminal or a log would obey (control characters, escape
// sequences, line ends, marks that turn the direction of writing) is written out, and what is too long is cut and says so.

using System.Globalization;
using System.Text;

namespace Vmm.Migration.Channels;

/// <summary>Texts of a peer as an operator may read them.</summary>
internal static class PeerText
{
    /// <summary>Room for the note that something was left out, so that a text that was cut once is not cut again by the other process.</summary>
    private const int RoomForOmission = 48;

    /// <summary>One text.</summary>
    /// <param name="text">As it came.</param>
    /// <param name="most">How many characters of it are kept.</param>
    internal static string Of(string text, int most = ProtocolLimits.LongestText)
    {
        if (text.Length <= most && !text.Any(IsSpecial))
        {
            return text;
        }

        var clean = new StringBuilder();
        int kept = 0;
        int read = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            string shown = Shown(rune);
            if (clean.Length + shown.Length > most)
            {
                clean.Length = kept;
                return string.Create(CultureInfo.InvariantCulture, $"{clean}… and {text.Length - read} characters more");
            }

            clean.Append(shown);
            if (clean.Length <= most - RoomForOmission)
            {
                kept = clean.Length;
                read += rune.Utf16SequenceLength;
            }
        }

        return clean.ToString();
    }

    /// <summary>The texts of one message; what is too much of them together is left out, and counted.</summary>
    internal static List<string> Of(IReadOnlyCollection<string> texts)
    {
        var clean = texts.Select(text => Of(text)).ToList();
        if (clean.Sum(text => text.Length) <= ProtocolLimits.LongestTexts)
        {
            return clean;
        }

        int room = ProtocolLimits.LongestTexts - RoomForOmission;
        var kept = clean.TakeWhile(text => (room -= text.Length) >= 0).ToList();
        kept.Add(string.Create(CultureInfo.InvariantCulture, $"… and {clean.Count - kept.Count} more"));
        return kept;
    }

    private static string Shown(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        _ when rune.Value == '\n' => "\\n",
        _ when rune.Value == '\r' => "\\r",
        _ when rune.Value == '\t' => "\\t",
        UnicodeCategory.Control => $"\\x{rune.Value:x2}",
        UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse
            or UnicodeCategory.OtherNotAssigned => $"\\u{{{rune.Value:x}}}",
        _ => rune.ToString(),
    };

    /// <summary>Whether a character is, or may be half of, one that is not shown as it is.</summary>
    private static bool IsSpecial(char c) => c is < ' ' or > '~' && (char.IsSurrogate(c) || Shown(new Rune(c)).Length > 1);
}
