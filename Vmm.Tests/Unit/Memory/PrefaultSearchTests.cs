using System.Diagnostics;
using Vmm.Core.Configuration;
using Vmm.Core.Memory;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Memory;

/// <summary>How RAM is searched for what can be entered.</summary>
public sealed class PrefaultSearchTests
{
    [Test]
    [Promise(29)]
    public void Prefaulting_keeps_its_budget_in_a_file_where_a_search_for_data_would_not()
    {
        const ulong Large = 1UL << 30;
        using var ram = RamBlock.Create(new(MemoryBackendKind.Memfd, "mem0", Large));
        HostFile.Allocate(ram.File!, Large - 4096); // a hole is left, so that the file does not say by its size that it has none

        // A busy host can make either take long: what counts is the best of some tries.
        var search = Enumerable.Range(0, 5).Min(_ => Taken(() => HostFile.NextData(ram.File!, 0)));
        var prefault = Enumerable.Range(0, 5).Min(_ => Taken(() => ram.PrefaultExtents(search / 10)));

        Assert.That(prefault, Is.LessThan(search / 2));
    }

    private static TimeSpan Taken(Action action)
    {
        long began = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(began);
    }
}
