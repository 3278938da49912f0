// The report as one page that needs nothing else: tables of targets and figures, distributions, timelines.

using System.Net;
using System.Text;

namespace Vmm.Bench.Handover.Report;

/// <summary>Writes the page.</summary>
internal static class HtmlPage
{
    private const string Style = """
        :root { color-scheme: light; }
        body { font: 16px/1.5 system-ui, sans-serif; color: #1c2326; background: #fff; max-width: 60rem; margin: 2.5rem auto; padding: 0 1.25rem; }
        h1 { font-size: 1.7rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .25rem; border-top: 1px solid #d9dedf; padding-top: 1.25rem; }
        h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; } p { margin: .25rem 0 .75rem; } .quiet { color: #5c6b73; }
        table { border-collapse: collapse; width: 100%; font-size: .92rem; }
        th, td { text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid #e8ecec; vertical-align: top; }
        td.figure, th.figure { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; } td.target { white-space: nowrap; }
        .met { color: #0b6e4f; white-space: nowrap; } .missed { color: #b3261e; font-weight: 600; white-space: nowrap; }
        svg { width: 100%; height: auto; display: block; margin: .5rem 0 1rem; }
        svg text { font: 12px system-ui, sans-serif; fill: #1c2326; } svg .tick { text-anchor: middle; fill: #5c6b73; font-size: 11px; }
        svg .name { text-anchor: end; font-weight: 600; } svg .count { text-anchor: end; fill: #5c6b73; font-size: 11px; }
        svg .title { font-weight: 600; } svg .inside { text-anchor: middle; fill: #fff; font-size: 11px; }
        svg .grid { stroke: #e8ecec; } svg .median { stroke: #1c2326; stroke-width: 2; } svg .p95 { stroke: #1c2326; stroke-dasharray: 3 2; }
        """;

    internal static string Of(string host, IReadOnlyList<CaseReport> reports)
    {
        var page = new StringBuilder();
        page.Append("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">")
            .Append("<title>vmm: the handover, measured</title>\n<style>").Append(Style).Append("</style>\n")
            .Append("<h1>The handover, measured</h1>\n<p class=\"quiet\">").Append(Encode(host)).Append("</p>\n");
        var all = reports.SelectMany(r => r.Findings).ToList();
        page.Append($"<p>{all.Count(f => f.IsMet == true)} of {all.Count(f => f.IsMet is not null)} targets are met.</p>\n");
        foreach (var report in reports)
        {
            Append(page, report);
        }

        return page.Append("</html>\n").ToString();
    }

    private static void Append(StringBuilder page, CaseReport report)
    {
        page.Append($"<h2>{Encode(report.Name)}</h2>\n<p>{Encode(report.Describes)}</p>\n<table><tr><th>what<th class=\"figure\">figure<th>target<th><th></tr>\n");
        foreach (var finding in report.Findings)
        {
            string verdict = finding.IsMet switch { true => "met", false => "missed", null => "" };
            page.Append($"<tr><td>{Encode(finding.What)}<td class=\"figure\">{Encode(finding.FigureText)}<td class=\"target\">{Encode(finding.TargetText)}")
                .Append($"<td class=\"{verdict}\">{Encode(finding.Verdict)}<td class=\"quiet\">{Encode(finding.Note)}</tr>\n");
        }

        page.Append("</table>\n");
        foreach (string remark in report.Remarks)
        {
            page.Append($"<p class=\"quiet\">{Encode(remark)}</p>\n");
        }

        foreach (var distribution in report.Distributions)
        {
            page.Append($"<h3>{Encode(distribution.Title)}</h3>\n{Svg.Draw(distribution)}\n")
                .Append("<p class=\"quiet\">Logarithmic scale; solid line: median, dashed line: 95th percentile.</p>\n");
        }

        if (report.Timelines.Count > 0)
        {
            page.Append($"<h3>What the two processes do meanwhile (medians)</h3>\n{Svg.Draw(report.Timelines)}\n");
        }
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
