using System.Runtime.CompilerServices;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Unit.Migration;

[Parallelizable(ParallelScope.All)]
public sealed class HandoverStepTests
{
    [Test]
    public void The_documentation_lists_every_boundary_in_order() =>
        Assert.That(Rows().Select(r => r.Step), Is.EqualTo(Enum.GetNames<HandoverStep>()));

    [Test]
    [Promise(1)]
    public void The_owner_changes_once_and_at_the_take()
    {
        var rows = Rows();
        int take = rows.FindIndex(r => r.Step == nameof(HandoverStep.NewTaken));
        Assert.That(rows.Select(r => r.Owner), Is.EqualTo(rows.Select((_, i) => i < take ? "old" : "new")));
    }

    private static List<(string Step, string Owner)> Rows([CallerFilePath] string here = "")
    {
        string path = Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", "docs", "handover.md");
        return
        [
            .. File.ReadLines(path)
                .SkipWhile(line => line != "## Boundaries")
                .Skip(1)
                .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
                .Where(line => line.StartsWith('|'))
                .Select(line => line.Split('|', StringSplitOptions.TrimEntries))
                .Skip(2)
                .TakeWhile(cells => cells.Length == 5)
                .Select(cells => (cells[1], cells[3])),
        ];
    }
}
