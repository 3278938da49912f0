using System.Diagnostics;
using System.Globalization;

namespace Vmm.Lab.Demo;

/// <summary>Prints what the demo does, each line with the seconds since the start.</summary>
internal sealed class Narrator
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    internal string Step { get; private set; } = "start";

    /// <summary>Begins a step; a failure is reported under its name.</summary>
    internal void Begin(string step)
    {
        Step = step;
        Say($"== {step}");
    }

    internal void Say(string text)
    {
        foreach (var line in text.TrimEnd('\n').Split('\n'))
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{_clock.Elapsed.TotalSeconds,6:0.0}] {line}"));
        }
    }
}
