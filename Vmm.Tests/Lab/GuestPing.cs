using System.Globalization;
using System.Text.RegularExpressions;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>Pings a guest, a packet at a time, and counts those that are answered.</summary>
internal sealed partial class GuestPing : IAsyncDisposable
{
    private const int Terminate = 15; // SIGTERM

    // One packet each: busybox's ping waits as long as it is told for the first answer only, and for those that follow as long as twice the time of the first.
    private const string Ping = "trap enough=1 TERM; until [ -n \"$enough\" ]; do usleep 100000 2> /dev/null || sleep 0.1; ping -q -c 1 -W 30";

    private readonly IHost _host;
    private readonly IHostProcess _process;
    private readonly ConsoleReader _lines;

    private GuestPing(IHost host, IHostProcess process)
    {
        (_host, _process) = (host, process);
        _lines = new ConsoleReader(process.Output);
    }

    /// <summary>Begins.</summary>
    internal static async Task<GuestPing> StartAsync(IHost host, GuestNetwork network) =>
        new(host, await host.StartAsync($"{Ping} {network.Address} 2>&1; done"));

    /// <summary>Ends it, and checks that every packet was answered.</summary>
    /// <returns>How many there were.</returns>
    internal async Task<int> EndAsync()
    {
        await _host.RunAsync($"kill -{Terminate} {_process.Pid}");
        await _process.Exited.WaitAsync(Timeouts.Answer);
        await _lines.Closed.WaitAsync(Timeouts.Answer);
        string said = string.Join('\n', _lines.Lines);
        var counts = Counts().Matches(said);
        Assert.That(counts, Is.Not.Empty, said);
        Assert.That(counts.Select(count => count.Groups["answered"].Value), Is.EqualTo(counts.Select(count => count.Groups["sent"].Value)), said);
        return counts.Sum(count => int.Parse(count.Groups["answered"].ValueSpan, CultureInfo.InvariantCulture));
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        await _lines.DisposeAsync();
    }

    [GeneratedRegex("(?<sent>[0-9]+) packets transmitted, (?<answered>[0-9]+) (packets )?received")]
    private static partial Regex Counts();
}
