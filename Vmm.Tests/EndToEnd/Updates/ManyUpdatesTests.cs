// One guest that is handed on very often, and many guests that are handed on at once.

using System.Diagnostics;
using System.Globalization;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>Nothing is lost and nothing piles up, however often and however many at once.</summary>
[NonParallelizable]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ManyUpdatesTests : UpdateTest
{
    private const int Settled = 3;
    private const int Samples = 5;

    /// <summary>
    /// The guest has a timer, serial output, interrupts between its vCPUs both ways, and sleeps in HLT; of those interrupts its lines show if
    /// one is lost or taken twice.
    /// </summary>
    [TestCase(50)]
    [Soak(2000)]
    public async Task Many_hops_of_one_guest_lose_nothing_and_grow_nothing(int hops)
    {
        var generation = await BootAsync("relay", "-smp", "2", "-serial", "file:lines.out");
        var output = new GrowingFile(InFolder("lines.out"));
        string[] descriptors = [];
        int threads = 0;
        var memory = new List<long>();
        for (int hop = 1; hop <= hops; hop++)
        {
            await output.WaitForGrowthAsync();
            var old = generation;
            generation = await HopAsync(old, hop % 2 == 0 ? UpdateForm.CprUri : UpdateForm.Channels);
            await output.WaitForGrowthAsync();
            await QuitAsync(old);
            memory.Add(Memory(generation));
            if (hop == Settled)
            {
                descriptors = ProcessFiles.Of(generation.Process);
                threads = Threads(generation);
            }
        }

        string[] after = ProcessFiles.Of(generation.Process);
        int threadsAfter = Threads(generation);

        // One process's memory depends on when it last collected garbage; growth shows in the least and the most of some.
        (long early, long late) = (memory[Settled..(Settled + Samples)].Max(), memory[^Samples..].Min());
        await TestContext.Out.WriteLineAsync(
            $"{hops} hops; descriptors {descriptors.Length} -> {after.Length}, threads {threads} -> {threadsAfter}, PSS {early} -> {late} kB");
        await QuitAsync(generation);

        Assert.Multiple(() =>
        {
            output.AssertCountsUp();
            Assert.That(after, Is.EquivalentTo(descriptors));
            Assert.That(threadsAfter, Is.EqualTo(threads).Within(3), "the runtime's own threads come and go");
            Assert.That(late, Is.LessThanOrEqualTo(early * 105 / 100), "PSS in kB");
            Assert.That(Directory.GetFiles(Folder, "*.sock"), Is.Empty);
        });
    }

    [TestCase(5)]
    [Soak(50)]
    public async Task Many_guests_at_once_are_all_updated(int guests)
    {
        var routes = Enumerable.Range(0, guests).Select(i => new UpdateRoute($"many{i}")).ToArray();
        var olds = new Generation[guests];
        var news = new Generation[guests];
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < guests; i++)
        {
            olds[i] = await BootAsync("slow-ticker", "-debugcon", $"file:ticks{i}.out");
            news[i] = await AwaitGuestAsync(routes[i]);
        }

        var started = clock.Elapsed;
        clock.Restart();
        await Task.WhenAll(Enumerable.Range(0, guests).Select(i => routes[i].AskAsync(olds[i].Qmp)));
        await Task.WhenAll(Enumerable.Range(0, guests).Select(i => ExpectHandoverAsync(olds[i], news[i])));
        var all = clock.Elapsed;

        long worst = 0;
        for (int i = 0; i < guests; i++)
        {
            await new GrowingFile(InFolder($"ticks{i}.out")).WaitForGrowthAsync();
            worst = Math.Max(worst, (await news[i].AccountAsync()).GetProperty("cpr").GetProperty("pause").GetInt64());
        }

        await TestContext.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture, $"{guests} guests started in {started.TotalSeconds:0.0} s and updated in {all.TotalMilliseconds:0} ms, worst pause {worst} us"));
    }

    private static int Threads(Generation generation) => Directory.GetDirectories($"/proc/{generation.Process.Pid}/task").Length;

    /// <summary>The proportional share of memory, guest RAM left out, in kB.</summary>
    private static long Memory(Generation generation)
    {
        bool isRam = false;
        long total = 0;
        foreach (string line in File.ReadLines($"/proc/{generation.Process.Pid}/smaps"))
        {
            if (line.Contains('-', StringComparison.Ordinal) && char.IsAsciiHexDigitLower(line[0]))
            {
                isRam = line.Contains("memfd:", StringComparison.Ordinal);
            }
            else if (!isRam && line.StartsWith("Pss:", StringComparison.Ordinal))
            {
                total += long.Parse(line.AsSpan(4, line.Length - 4 - 3), NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture);
            }
        }

        return total;
    }
}
