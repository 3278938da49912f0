// What was done to a guest, laid beside what its console said, so that a reader who finds it lost can see between which two steps
// that was. A step is recorded with the number of console lines that had come by then; a guest that was reset shows in its ticks,
// which begin again.

using System.Globalization;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.Lab;

/// <summary>The steps that were taken with a guest, and where among them it began anew.</summary>
internal sealed class GuestStory
{
    private const int LinesBefore = 30;
    private const int LinesAfter = 5;

    private readonly List<(int Line, string What)> _steps = [];

    /// <summary>Remembers a step, taken when the console had said so many lines.</summary>
    internal void Add(int line, string what) => _steps.Add((line, what));

    /// <summary>Forgets all steps: the guest begins anew because it was asked to.</summary>
    internal void Clear() => _steps.Clear();

    /// <summary>
    /// The last lines before the guest was reset and the first of its new life, with the steps between them; without a reset, the last
    /// lines of all.
    /// </summary>
    internal string Describe(IReadOnlyList<ConsoleLine> lines)
    {
        int reset = IndexOfReset(lines);
        int middle = reset < 0 ? lines.Count : reset;
        int from = Math.Max(0, middle - LinesBefore);
        int to = Math.Min(lines.Count, middle + LinesAfter);
        var description = new List<string> { reset < 0 ? "not reset, as far as its ticks tell" : Where(lines, reset) };
        for (int line = from; line <= to; line++)
        {
            description.AddRange(_steps.Where(step => step.Line == line).Select(step => $"    -- {step.What}"));
            if (line == reset)
            {
                description.Add("    -- THE GUEST BEGINS ANEW");
            }

            if (line < to)
            {
                description.Add(lines[line].Text);
            }
        }

        return string.Join('\n', description);
    }

    private string Where(IReadOnlyList<ConsoleLine> lines, int reset)
    {
        var last = lines.Take(reset).Select(Tick.TryParse).LastOrDefault(tick => tick is not null)!;
        var before = _steps.FindLast(step => step.Line <= reset);
        int ticks = lines.Take(reset).Skip(before.Line).Count(line => Tick.TryParse(line) is not null);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"reset after tick {last.Count}, {ticks} ticks after the step '{before.What ?? "booted"}'");
    }

    /// <summary>The first line of the life that begins with ticks that count from the start again; -1 if there is none.</summary>
    private int IndexOfReset(IReadOnlyList<ConsoleLine> lines)
    {
        long last = -1;
        int lastLine = -1;
        for (int line = _steps is [var first, ..] ? first.Line : 0; line < lines.Count; line++)
        {
            if (Tick.TryParse(lines[line]) is not { } tick)
            {
                continue;
            }

            if (tick.Count < last)
            {
                return lastLine + 1;
            }

            (last, lastLine) = (tick.Count, line);
        }

        return -1;
    }
}
