using System.Globalization;
using System.Text.RegularExpressions;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Lab;

/// <summary>A Debian guest that prints in bulk (see lab/pulses.c): what goes into one interrupt, and what that does to its vCPUs.</summary>
public sealed partial class LinuxBulkPrintTests() : LinuxGuestTest(vcpus: Math.Min(4, HostSelector.ProcessorsForGuests))
{
    private const int Lines = 256;
    private const int MostInOneInterrupt = 32;

    /// <summary>Fewer than ten pulses running; a busy host may cost a guest more, and then its control guest too.</summary>
    private const int MostMissedRunning = 9;

    [Test, Order(1)]
    [Promise(50)]
    public Task No_interrupt_gets_more_than_two_fifos_and_no_vcpu_misses_pulses() => SkippingEmulatorFlawsAsync(async () => await JudgeAsync(await PrintAsync()));

    [Test, Order(2)]
    [Promise(50)]
    public Task Nor_over_an_update_in_the_middle() => SkippingEmulatorFlawsAsync(async () =>
    {
        var printing = PrintAsync();
        await Guest.Console.WaitForNextLineAsync(line => line.StartsWith("out ", StringComparison.Ordinal));
        await Guest.HopAsync(UpdateForm.CprUri, ticksBetween: 1);
        await JudgeAsync(await printing);
    });

    /// <returns>What the guest said, and when, on the host's clock.</returns>
    private async Task<(string Output, long Begin, long End)> PrintAsync()
    {
        long begin = Guest.Console.Lines[^1].Arrived.Monotonic;
        string output = await Guest.RunAsync(string.Create(CultureInfo.InvariantCulture, $"pulses {Lines}"), Timeouts.Boot);
        return (output, begin, Guest.Console.Lines[^1].Arrived.Monotonic);
    }

    private static async Task JudgeAsync((string Output, long Begin, long End) printing)
    {
        var hosts = (await HostFixture.Control).Pulse.LongestSilence(printing.Begin, printing.End);
        string[] lines = printing.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] printed = [.. lines.Where(line => line.EndsWith('.'))];
        var vcpus = lines.Select(line => VcpuLine().Match(line)).Where(match => match.Success).ToList();
        var sum = lines.Select(line => SumLine().Match(line)).Single(match => match.Success);
        long sent = Number(sum, 1);
        double perInterrupt = (double)sent / Number(sum, 2);
        string counts = string.Join('\n', lines[printed.Length..]);
        await TestContext.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{perInterrupt:0.0} bytes an interrupt; the control guest's longest silence {hosts.TotalSeconds:0.0} s\n{counts}"));

        Assert.Multiple(() =>
        {
            Assert.That(
                printed.Select(line => line.Split(' ')[0]),
                Is.EqualTo(Enumerable.Range(0, Lines).Select(n => n.ToString(CultureInfo.InvariantCulture))), "the lines, each once and in order");
            Assert.That(sent, Is.GreaterThan(Lines * 64), "bytes that the kernel counts");
            Assert.That(perInterrupt, Is.LessThanOrEqualTo(MostInOneInterrupt), "bytes an interrupt");
            Assert.That(vcpus, Is.Not.Empty);
            Assert.That(
                vcpus.Select(match => Number(match, 4)),
                Has.All.LessThanOrEqualTo(MostMissedRunning + (2 * (hosts / Tick.Period))), "pulses missed running");
        });
    }

    private static long Number(Match match, int group) => long.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^cpu (\d+) pulses (\d+) missed (\d+) running (\d+)$")]
    private static partial Regex VcpuLine();

    [GeneratedRegex(@"^sent (\d+) interrupts (\d+)$")]
    private static partial Regex SumLine();
}
