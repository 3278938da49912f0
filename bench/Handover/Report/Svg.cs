// The pictures of the report: distributions on a logarithmic scale, one row a contender, and pauses as lanes of steps.

using System.Globalization;
using System.Net;
using System.Text;

namespace Vmm.Bench.Handover.Report;

/// <summary>Draws.</summary>
internal static class Svg
{
    private const double Width = 900;
    private const double Left = 110;
    private const double Right = 20;
    private static readonly string[] Colours = ["#8a8a8a", "#0b6e4f", "#b5542a", "#35608f"];

    // Steps that do the same have the same colour.
    private static readonly Dictionary<string, string> Shades = new(StringComparer.Ordinal)
    {
        ["drain"] = "#5c6b73",
        ["kick"] = "#2f6690",
        ["get"] = "#0b6e4f",
        ["save"] = "#0b6e4f",
        ["send"] = "#c08a2e",
        ["set"] = "#b5542a",
        ["load"] = "#b5542a",
        ["take"] = "#7b4b94",
        ["enter"] = "#1c2326",
        ["resume"] = "#1c2326",
    };

    /// <summary>Histograms, one below the other, over one logarithmic axis.</summary>
    internal static string Draw(Distribution distribution)
    {
        const double Row = 84;
        const double Bar = 60;
        const int Bins = 120;
        double low = Math.Pow(10, Math.Floor(Math.Log10(distribution.Rows.Min(r => r.Sample.Values[0])) * 4) / 4);
        double high = Math.Pow(10, Math.Ceiling(Math.Log10(distribution.Rows.Max(r => r.Sample.Most)) * 4) / 4);
        double X(double value) => Left + ((Width - Left - Right) * Math.Log(value / low) / Math.Log(high / low));
        double axis = Row * distribution.Rows.Count;
        var svg = Begin(axis + 34, distribution.Title);
        foreach (double tick in Ticks(low, high))
        {
            Line(svg, X(tick), 0, X(tick), axis, "grid");
            Text(svg, X(tick), axis + 16, Time(tick), "tick");
        }

        for (int row = 0; row < distribution.Rows.Count; row++)
        {
            var (name, sample) = distribution.Rows[row];
            double bottom = (Row * row) + Row - 8;
            var bins = new int[Bins];
            foreach (double value in sample.Values)
            {
                bins[Math.Clamp((int)(Bins * (X(value) - Left) / (Width - Left - Right)), 0, Bins - 1)]++;
            }

            double width = (Width - Left - Right) / Bins;
            for (int bin = 0; bin < Bins; bin++)
            {
                if (bins[bin] > 0)
                {
                    double height = Bar * bins[bin] / bins.Max();
                    Box(svg, Left + (bin * width), bottom - height, width - 1, height, Colours[row % Colours.Length]);
                }
            }

            Text(svg, Left - 10, bottom - 28, name, "name");
            Text(svg, Left - 10, bottom - 12, $"n = {sample.Count}", "count");
            Line(svg, X(sample.Median), bottom - Bar - 4, X(sample.Median), bottom + 3, "median");
            Text(svg, X(sample.Median), bottom - Bar - 8, Time(sample.Median), "tick");
            Line(svg, X(sample.Percentile95), bottom - 20, X(sample.Percentile95), bottom + 3, "p95");
        }

        return svg.Append("</svg>").ToString();
    }

    /// <summary>Pauses one below the other on one linear axis; each has a lane for the old process and one for the new.</summary>
    internal static string Draw(IReadOnlyList<Timeline> timelines)
    {
        const double Lane = 30;
        const double Block = (2 * Lane) + 44;
        double end = timelines.Max(t => t.Steps.Sum(s => s.Microseconds));
        double X(double at) => Left + ((Width - Left - Right) * at / end);
        double axis = Block * timelines.Count;
        var svg = Begin(axis + 30, "timeline of the pause");
        double step = NiceStep(end);
        for (double tick = 0; tick <= end; tick += step)
        {
            Line(svg, X(tick), 0, X(tick), axis, "grid");
            Text(svg, X(tick), axis + 16, Time(tick), "tick");
        }

        for (int i = 0; i < timelines.Count; i++)
        {
            double top = (Block * i) + 22;
            Text(svg, Left, top - 7, timelines[i].Title, "title");
            Text(svg, Left - 10, top + 19, "old", "name");
            Text(svg, Left - 10, top + Lane + 19, "new", "name");
            double at = 0;
            foreach (var part in timelines[i].Steps)
            {
                double y = top + (part.IsNew ? Lane : 0);
                double wide = X(at + part.Microseconds) - X(at);
                Box(svg, X(at), y + 3, Math.Max(wide, 1), Lane - 6, Shades[part.Name], $"{part.Name}: {Time(part.Microseconds)}");
                if (wide > 34)
                {
                    Text(svg, X(at) + (wide / 2), y + 19, part.Name, "inside");
                }

                at += part.Microseconds;
            }
        }

        return svg.Append("</svg>").ToString();
    }

    /// <summary>A duration as a reader wants it.</summary>
    internal static string Time(double microseconds) => microseconds switch
    {
        < 1000 => $"{N(Math.Round(microseconds))} µs",
        < 1e6 => $"{N(Math.Round(microseconds / 1000, 1))} ms",
        _ => $"{N(Math.Round(microseconds / 1e6, 1))} s",
    };

    private static double NiceStep(double end)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(end / 5)));
        return end / power <= 10 ? power : end / power <= 20 ? 2 * power : 5 * power;
    }

    private static IEnumerable<double> Ticks(double low, double high)
    {
        for (double decade = Math.Pow(10, Math.Floor(Math.Log10(low))); decade <= high; decade *= 10)
        {
            foreach (int factor in new[] { 1, 2, 5 })
            {
                if (decade * factor >= low && decade * factor <= high)
                {
                    yield return decade * factor;
                }
            }
        }
    }

    private static StringBuilder Begin(double height, string label) =>
        new($"<svg viewBox=\"0 -14 {N(Width)} {N(height + 14)}\" role=\"img\" aria-label=\"{WebUtility.HtmlEncode(label)}\">");

    private static void Line(StringBuilder svg, double x1, double y1, double x2, double y2, string style) =>
        svg.Append($"<line x1=\"{N(x1)}\" y1=\"{N(y1)}\" x2=\"{N(x2)}\" y2=\"{N(y2)}\" class=\"{style}\"/>");

    private static void Text(StringBuilder svg, double x, double y, string text, string style) =>
        svg.Append($"<text x=\"{N(x)}\" y=\"{N(y)}\" class=\"{style}\">{WebUtility.HtmlEncode(text)}</text>");

    private static void Box(StringBuilder svg, double x, double y, double width, double height, string colour, string hint = "") =>
        svg.Append($"<rect x=\"{N(x)}\" y=\"{N(y)}\" width=\"{N(width)}\" height=\"{N(height)}\" fill=\"{colour}\"><title>{WebUtility.HtmlEncode(hint)}</title></rect>");

    private static string N(double number) => number.ToString("0.##", CultureInfo.InvariantCulture);
}
