using System.Collections;

namespace Vmm.Lab.Drivers;

/// <summary>
/// A command line, as options in order: <c>new ArgumentList { { "-m", "256M" }, "-S" }</c>. With makes a longer copy.
/// </summary>
public sealed class ArgumentList : IEnumerable<string>
{
    private readonly List<string> _words = [];

    /// <summary>Adds an option without a value.</summary>
    public void Add(string option) => _words.Add(option);

    /// <summary>Adds an option and its value.</summary>
    public void Add(string option, string value)
    {
        _words.Add(option);
        _words.Add(value);
    }

    /// <summary>The same arguments plus these: how the new process of an update is started.</summary>
    public ArgumentList With(params IEnumerable<string> more)
    {
        var longer = new ArgumentList();
        longer._words.AddRange(_words);
        longer._words.AddRange(more);
        return longer;
    }

    /// <inheritdoc/>
    public IEnumerator<string> GetEnumerator() => _words.GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
