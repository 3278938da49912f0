using System.Globalization;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Running;

/// <summary>
/// Starts with too little of something. From the value on at which the program can report an error (docs/limits.md), it starts or reports in a
/// line what it was refused; with less the runtime ends it. It leaves nothing behind.
/// </summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StartLimitsTests : EndToEndTest
{
    /// <summary>The status with which the guest ends the program: it has started.</summary>
    private const int Started = 33;

    /// <summary>Above the users of other tests: the host counts a user's threads and signals, and not a process's.</summary>
    private const uint FirstUser = 62_000;

    private const ulong Mebi = 1 << 20;

    /// <summary>The least values with which an error has a text, where that is not 0.</summary>
    private static readonly Dictionary<string, ulong> Least = new(StringComparer.Ordinal)
    {
        ["open files"] = 4,
        ["processes"] = 2,
        ["address space"] = 384 * Mebi,
        ["data size"] = 16 * Mebi,
        ["stack size"] = 64 << 10,
    };

    private static IEnumerable<ResourceLimit> Limits => ResourceLimit.All;

    [TestCaseSource(nameof(Limits))]
    [Promise(47)]
    public async Task A_start_with_too_little_says_so_or_ends_and_leaves_nothing(ResourceLimit limit)
    {
        OtherUser.RequireRoot();
        string program = await OtherUser.PublishAsync(Host, Folder, ProgramFixture.Program);
        string guest = await OtherUser.PublishAsync(Host, Folder, Host.TinyGuest("exit"));
        string[] files = Directory.GetFiles(Folder);
        ulong least = Least.GetValueOrDefault(limit.Name);
        foreach (ulong value in Values(limit))
        {
            var ended = await StartAsync(limit, value, program, guest);

            string with = string.Create(CultureInfo.InvariantCulture, $"{limit.Name} {value}: status {ended.Status}, {ended.Errors}");
            Assert.That(ended.Status, Is.Not.Zero, with);
            if (value >= least && ended.Status != Started)
            {
                Assert.That(ended.Status, Is.EqualTo(1), with);
                Assert.That(ended.Errors, Does.Match(@"(^|\n)vmm: [^\n]+\n$"), with);
                Assert.That(ended.Errors, Does.Not.Contain("internal error"), with);
            }

            Assert.That(Directory.GetFiles(Folder), Is.EquivalentTo(files), with);
        }
    }

    private async Task<CommandResult> StartAsync(ResourceLimit limit, ulong value, string program, string guest)
    {
        string[] words = limit.Running(value, program);
        string[] user = await OtherUser.RunningAsync(Host, FirstUser + (uint)limit.Number, words[0]);
        string[] command =
        [
            "timeout", "60", .. user, .. words[1..],
            .. TinyMachine.Headless(guest), .. TinyMachine.Monitor(TinyMachine.Qmp),
            "-pidfile", "vmm.pid", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
        ];
        return await Host.TryRunAsync($"cd {Shell.Quote(Folder)} && exec {Shell.Quote(command)}");
    }

    /// <summary>Every count from nothing to enough, and sizes by turns of two.</summary>
    private static IEnumerable<ulong> Values(ResourceLimit limit) => limit.Name switch
    {
        "open files" => Counts(28),
        "processes" => Counts(16),
        "file size" => [0, 1, 8, 4096, Mebi, 16 * Mebi],
        "data size" or "address space" or "stack size" =>
            Enumerable.Range(14, 20).SelectMany(power => (ulong[])[1UL << power, 3UL << (power - 1)]).Prepend(0UL),

        // What a user may not raise, and has none of.
        "nice priority" or "realtime priority" => [0],
        _ => [0, 1],
    };

    private static IEnumerable<ulong> Counts(int most) => Enumerable.Range(0, most + 1).Select(n => (ulong)n);
}
