namespace Vmm.Bench.Handover.Report;

/// <summary>The report as a table on a terminal.</summary>
internal static class TextTable
{
    internal static void Write(TextWriter output, IReadOnlyList<CaseReport> reports)
    {
        foreach (var report in reports)
        {
            output.WriteLine();
            output.WriteLine($"{report.Name}: {report.Describes}");
            int what = Width(report, f => f.What);
            int figure = Width(report, f => f.FigureText);
            int target = Width(report, f => f.TargetText);
            int verdict = Width(report, f => f.Verdict);
            foreach (var finding in report.Findings)
            {
                output.WriteLine(
                    $"  {finding.What.PadRight(what)}  {finding.FigureText.PadLeft(figure)}  {finding.TargetText.PadRight(target)}  "
                    + $"{finding.Verdict.PadRight(verdict)}  {finding.Note}".TrimEnd());
            }

            foreach (string remark in report.Remarks)
            {
                output.WriteLine($"  {remark}");
            }
        }
    }

    private static int Width(CaseReport report, Func<Finding, string> column) => report.Findings.Select(f => column(f).Length).DefaultIfEmpty().Max();
}
