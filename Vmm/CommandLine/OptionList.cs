// QEMU's option lists: key=value,key=value, with these rules.
//
//   - A comma inside a value is doubled: path=/a,,b is the path "/a,b".
//   - A key alone is on: "server" is server=on; "no" and a key alone is off: "nowait" is wait=off.
//   - The first element may be a value alone when the option has an implied key: "-m 512" is size=512.
//   - A key given twice keeps its last value.
//   - Where a value has structure, keys have dots (addr.type=unix), or the whole argument is a JSON object, which is read
//     as the same dotted keys, so that a user of a list need not know which it was.
//
// A reader takes the keys it knows and then calls Finish: what is left is an error.

using System.Globalization;
using Vmm.Core.Devices.Model;
using Vmm.Core.Text;

namespace Vmm.CommandLine;

/// <summary>The keys and values of one option's argument.</summary>
internal sealed class OptionList
{
    private readonly List<Entry> _entries;

    private OptionList(List<Entry> entries) => _entries = entries;

    /// <summary>Reads a list or, where <paramref name="json"/> allows it, a JSON object.</summary>
    /// <param name="text">The argument.</param>
    /// <param name="impliedKey">The key of a first element without one; null if the option has none.</param>
    /// <param name="json">Whether an argument that begins with a brace is JSON.</param>
    internal static OptionList Parse(string text, string? impliedKey = null, bool json = false) =>
        json && text.StartsWith('{')
            ? new(JsonOptions.Flatten(text).ConvertAll(pair => new Entry(pair.Key, pair.Value, Bare: false)))
            : new(OptionGrammar.Split(text).Select((element, at) => ToEntry(element, at == 0 ? impliedKey : null)).ToList());

    /// <summary>Reads a list whose first element is a value even if there is an equals sign in it, as in unix:PATH,server=on.</summary>
    internal static OptionList ParseAfterValue(string text, string firstKey) =>
        new(OptionGrammar.Split(text).Select((element, at) =>
            at == 0 ? new Entry(firstKey, element, Bare: false) : ToEntry(element, impliedKey: null)).ToList());

    /// <summary>A list of keys with their values.</summary>
    internal static OptionList Of(params IEnumerable<(string Key, string Value)> pairs) => new([.. pairs.Select(pair => new Entry(pair.Key, pair.Value, Bare: false))]);

    /// <summary>Adds another list's elements after this one's, so that the other's win.</summary>
    internal OptionList Append(OptionList other) => new([.. _entries, .. other._entries]);

    /// <summary>Takes a key's value; null when the key is not there.</summary>
    internal string? Take(string key)
    {
        var last = _entries.FindLast(e => e.Key == key);
        _entries.RemoveAll(e => e.Key == key);
        return last is { Bare: true } ? throw new CommandLineException($"Expected '=' and a value after parameter '{key}'") : last?.Value;
    }

    /// <summary>
    /// Takes all values of a key that may be repeated, in their order; in JSON it is an array, whose elements may be objects with a member "str".
    /// </summary>
    internal IReadOnlyList<string> TakeAll(string key)
    {
        bool IsOfKey(Entry entry) => entry.Key == key
            || (entry.Key.StartsWith($"{key}.", StringComparison.Ordinal) && uint.TryParse(ElementOf(entry.Key), NumberStyles.None, CultureInfo.InvariantCulture, out _));
        string ElementOf(string entryKey) => entryKey.EndsWith(".str", StringComparison.Ordinal) ? entryKey[(key.Length + 1)..^4] : entryKey[(key.Length + 1)..];
        var taken = _entries.FindAll(IsOfKey);
        _entries.RemoveAll(IsOfKey);
        return taken.Exists(static e => e.Bare) ? throw new CommandLineException($"Expected '=' and a value after parameter '{key}'") : taken.ConvertAll(static e => e.Value);
    }

    /// <summary>Takes a key's value, which must be there.</summary>
    internal string TakeRequired(string key) =>
        Take(key) ?? throw new CommandLineException($"Parameter '{key}' is missing");

    /// <summary>Takes a value that must not be empty, such as a path; null when the key is not there.</summary>
    internal string? TakeText(string key) =>
        Take(key) is not { } value ? null : value.Length > 0 ? value : throw Expects(key, "a value", value);

    /// <summary>Takes on or off, also as a bare key (on) or a bare key after "no" (off); null when the key is not there.</summary>
    internal bool? TakeSwitch(string key)
    {
        var last = _entries.FindLast(e => e.Key == key || IsNegated(e, key));
        _entries.RemoveAll(e => e.Key == key || IsNegated(e, key));
        return last is null ? null : last.Key != key ? false : last.Value switch
        {
            "on" or "yes" or "true" or "y" => true,
            "off" or "no" or "false" or "n" => false,
            var other => throw Expects(key, "'on' or 'off'", other),
        };
    }

    /// <summary>Takes the value of a device's property, as text; null when the key is not there.</summary>
    internal string? TakeProperty(Property property) => !property.IsSwitch ? Take(property.Name)
        : TakeSwitch(property.Name) is { } value ? property.Format(value)
        : null;

    /// <summary>Takes a size; null when the key is not there.</summary>
    /// <param name="key">The key.</param>
    /// <param name="unit">What a number without a suffix counts, in bytes.</param>
    internal ulong? TakeSize(string key, ulong unit = ByteSize.Bytes)
    {
        if (Take(key) is not { } text)
        {
            return null;
        }

        return ByteSize.TryParse(text, unit, out var size)
            ? size
            : throw Expects(key, "a size below 16 EiB, such as 512M or 1G (suffixes k, M, G, T, P, E)", text);
    }

    /// <summary>Takes a whole number, decimal or with 0x hexadecimal; null when the key is not there.</summary>
    internal int? TakeNumber(string key, int min, int max)
    {
        if (Take(key) is not { } text)
        {
            return null;
        }

        var hex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        var style = hex ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        return uint.TryParse(hex ? text[2..] : text, style, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max
            ? (int)value
            : throw Expects(key, $"a number from {min} to {max}", text);
    }

    /// <summary>Takes a whole number that counts something, decimal or with 0x hexadecimal; null when the key is not there.</summary>
    internal ulong? TakeWholeNumber(string key, ulong max)
    {
        if (Take(key) is not { } text)
        {
            return null;
        }

        var hex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        var style = hex ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        return ulong.TryParse(hex ? text[2..] : text, style, CultureInfo.InvariantCulture, out var value) && value <= max
            ? value
            : throw Expects(key, $"a number from 0 to {max}", text);
    }

    /// <summary>Takes one of several words; null when the key is not there.</summary>
    internal T? TakeWord<T>(string key, params ReadOnlySpan<(string Word, T Value)> words)
        where T : struct
    {
        if (Take(key) is not { } text)
        {
            return null;
        }

        var known = new List<string>(words.Length);
        foreach (var (word, value) in words)
        {
            if (word == text)
            {
                return value;
            }

            known.Add(word);
        }

        throw new CommandLineException($"Parameter '{key}' does not accept value '{text}': expected one of {string.Join(", ", known)}");
    }

    /// <summary>Whether there is a key.</summary>
    internal bool Has(string key) => _entries.Exists(e => e.Key == key);

    /// <summary>Whether there are keys of a structure: prefix and more.</summary>
    internal bool HasBelow(string prefix) => _entries.Exists(e => e.Key.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>Adds a key with a value unless the key is there.</summary>
    internal void SetDefault(string key, string value)
    {
        if (!Has(key))
        {
            _entries.Add(new Entry(key, value, Bare: false));
        }
    }

    /// <summary>Lets a key have another name too; both at once are an error.</summary>
    internal void Rename(string alias, string key)
    {
        if (!Has(alias))
        {
            return;
        }

        if (Has(key))
        {
            throw new CommandLineException($"'{key}' and its alias '{alias}' can't be used at the same time");
        }

        for (int i = 0; i < _entries.Count; i++)
        {
            if (_entries[i].Key == alias)
            {
                _entries[i] = _entries[i] with { Key = key };
            }
        }
    }

    /// <summary>Takes an id, which must be well formed; null when the key is not there.</summary>
    internal string? TakeId(string key = "id")
    {
        if (Take(key) is not { } id)
        {
            return null;
        }

        return IdProperty.IsId(id) ? id : throw Expects(key, IdProperty.Expected, id);
    }

    /// <summary>Says that nothing else may be in the list.</summary>
    /// <param name="isUnexpected">Whether the error has the words of QEMU's options with structure.</param>
    internal void Finish(bool isUnexpected = false)
    {
        if (_entries is [var (key, _, _), ..])
        {
            throw new CommandLineException(isUnexpected ? $"Parameter '{key}' is unexpected" : $"Invalid parameter '{key}'");
        }
    }

    private static bool IsNegated(Entry entry, string key) => entry.Bare && entry.Key.Length == key.Length + 2
        && entry.Key.StartsWith("no", StringComparison.Ordinal) && entry.Key.EndsWith(key, StringComparison.Ordinal);

    private static Entry ToEntry(string element, string? impliedKey)
    {
        var equals = element.IndexOf('=', StringComparison.Ordinal);
        return equals >= 0 ? new Entry(element[..equals], element[(equals + 1)..], Bare: false)
            : impliedKey is not null ? new Entry(impliedKey, element, Bare: false)
            : new Entry(element, "on", Bare: true);
    }

    private static CommandLineException Expects(string key, string expected, string found) =>
        new($"Parameter '{key}' expects {expected}, not '{found}'");

    private sealed record Entry(string Key, string Value, bool Bare);
}
