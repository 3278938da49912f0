using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>Nothing is lost and nothing piles up, however many programs a process has been.</summary>
[NonParallelizable]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ManyProgramsTests : ExecTest
{
    private const int Settled = 3;
    private const int Samples = 5;

    [TestCase(50)]
    [Soak(1000)]
    [Promise(59)]
    public async Task Many_programs_of_one_process_lose_nothing_and_grow_nothing(int hops)
    {
        await BootAsync(
            "-D", "vmm.log", "-chardev", "socket,id=console,path=console.sock,server=on,wait=off", "-serial", "chardev:console",
            "-object", "rng-random,id=rng0", "-device", "virtio-rng-device,rng=rng0");
        await using var client = await Guest.Process.ConnectAsync("console.sock");
        string[] descriptors = [];
        int threads = 0;
        var memory = new List<long>();
        for (int hop = 1; hop <= hops; hop++)
        {
            await HopAsync();
            await SettleAsync();
            await ReapedAsync();
            memory.Add(Memory());
            if (hop == Settled)
            {
                descriptors = ProcessFiles.Of(Guest.Process);
                threads = Threads();
            }
        }

        string[] after = ProcessFiles.Of(Guest.Process);
        (long early, long late) = (memory[Settled..(Settled + Samples)].Max(), memory[^Samples..].Min());
        await TestContext.Out.WriteLineAsync(
            $"{hops} programs; descriptors {descriptors.Length} -> {after.Length}, threads {threads} -> {Threads()}, PSS {early} -> {late} kB");
        Assert.That(after, Is.EquivalentTo(descriptors));
        Assert.That(Threads(), Is.EqualTo(threads).Within(3), "the runtime's own threads come and go");
        Assert.That(late, Is.LessThanOrEqualTo(early * 105 / 100), "PSS in kB");
        AssertWhole();
    }

    /// <summary>Waits until the program has waited for the children of the one before.</summary>
    private async Task ReapedAsync()
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (Children(Guest.Process.Pid).Length > 0)
        {
            await Task.Delay(5, deadline.Token);
        }
    }

    private int Threads() => Directory.GetDirectories($"/proc/{Guest.Process.Pid}/task").Length;

    private long Memory() => File.ReadLines($"/proc/{Guest.Process.Pid}/smaps_rollup")
        .Where(line => line.StartsWith("Pss:", StringComparison.Ordinal))
        .Select(line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture))
        .Single();
}
