// The demo: a Linux guest keeps ticking while the process that runs it is replaced, twice. First as the series that
// introduced cpr-transfer shows it, typed into the human monitor; then in the form that QEMU merged, over QMP. Its root file system is on a virtio
// disk, to which it writes and fsyncs all the while, and a client downloads a stream from its web server over one connection. The verdict is computed from
// the bytes that the guest wrote to its console, from its disk's image and from what the client has received, and from nothing else.

using System.Globalization;
using System.Text.Json;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Demo;

/// <summary>Boots a guest and live-updates it.</summary>
internal sealed class LiveUpdateDemo(IHost host, string folder, Narrator narrator, CancellationToken cancellation) : IAsyncDisposable
{
    private const string Postmigrate = "VM status: paused (postmigrate)\n";
    private const string Running = "VM status: running\n";
    private const int TicksBetween = 20;
    private const int TicksInFlight = 5;

    private readonly List<IAsyncDisposable> _opened = [];
    private readonly List<Interruption> _hops = [];
    private ConsoleReader _console = null!;
    private GuestNetwork _network = null!;
    private StreamClient _client = null!;
    private StreamVerdict _stream = null!;

    /// <summary>The guest's network; null is the best that the host can.</summary>
    internal GuestNetwork? Network { get; init; }

    private string Image => $"{folder}/{DemoGuest.Disk}";

    /// <summary>Runs it all.</summary>
    /// <returns>Whether the guest's pulse held.</returns>
    internal async Task<bool> RunAsync()
    {
        var first = await BootAsync();
        var second = await UpdateByMonitorAsync(first);
        var third = await UpdateByQmpAsync(second);
        int reported = await EndAsync(third);
        return await JudgeAsync(reported);
    }

    /// <summary>The same up to the second update, and then leaves the guest to the user.</summary>
    internal async Task KeepAsync()
    {
        var first = await BootAsync();
        var second = await UpdateByMonitorAsync(first);
        var third = await UpdateByQmpAsync(second);

        // Console and monitor have room for one client, who is the user from now on.
        await CloseAsync(_console);
        await CloseAsync(third.Qmp!);
        await CloseAsync(_client);
        await new KeptGuest(host, folder, UpdateByHand.Lines(host.VmmPath, folder, DemoGuest.Machine(host, _network))).RunAsync(cancellation);
    }

    /// <summary>Ends every process, newest first.</summary>
    public async ValueTask DisposeAsync()
    {
        for (var i = _opened.Count - 1; i >= 0; i--)
        {
            await _opened[i].DisposeAsync();
        }
    }

    private async Task<Generation> BootAsync()
    {
        narrator.Begin("boot a Linux guest from its disk in the first vmm");
        await host.RunAsync($"cp {Shell.Quote(host.GuestDisk)} {Shell.Quote(Image)}", cancellation);
        _network = Network ?? await GuestNetwork.OfAsync(host, cancellation);
        var first = await StartAsync("first", []);
        if (_network.SetUp is { } setUp)
        {
            await host.RunAsync(setUp, cancellation);
        }

        _console = Keep(new ConsoleReader(await first.Process.ConnectAsync(DemoGuest.ConsoleSocket, cancellation)));
        await _console.WaitForLineAsync("guest: up", Timeouts.Boot, cancellation);
        await TickAsync(TicksBetween);
        _client = Keep(await StreamClient.ConnectAsync(host, _network, cancellation));
        narrator.Say($"a client downloads from the guest's web server, by {_network.Name}");
        return first with { Qmp = Keep(await first.Process.OpenQmpAsync(DemoGuest.QmpSocket, cancellation)) };
    }

    private async Task<Generation> UpdateByMonitorAsync(Generation old)
    {
        narrator.Begin("live update, as in the series: -cpr-uri, and five lines in the monitor");
        var successor = await StartAsync("second", DemoGuest.ByCprUri);
        await TypeAsync(successor, "info status");
        await ReportEventsAsync(old);
        await TypeAsync(old, "info status", Running);
        await TypeAsync(old, "migrate_set_parameter mode cpr-transfer", "");
        await TypeAsync(old, "migrate_set_parameter cpr-uri unix:cpr.sock", "");
        var before = _console.LastTick;
        await TypeAsync(old, "migrate -d unix:vm.sock", "");
        return await FinishAsync(old, successor, before);
    }

    private async Task<Generation> UpdateByQmpAsync(Generation old)
    {
        narrator.Begin("live update, as QEMU merged it: two channels, over QMP");
        var successor = await StartAsync("third", DemoGuest.ByChannels);

        // The prompt comes before the sockets of the update, and an answer after them.
        await TypeAsync(successor, "info status");
        await ReportEventsAsync(old);
        await AskAsync(old, "migrate-set-parameters", """{"mode": "cpr-transfer"}""");
        var before = _console.LastTick;
        await AskAsync(old, "migrate", DemoGuest.MigrateByChannels);
        return await FinishAsync(old, successor, before);
    }

    private async Task<Generation> FinishAsync(Generation old, Generation successor, long before)
    {
        var status = await old.Qmp!.WaitForMigrationAsync("completed", "failed", "cancelled");
        var account = await old.Qmp.ExecuteAsync("query-migrate", cancellation: cancellation);
        if (status != "completed")
        {
            throw new IOException($"the update {status}: {account.GetRawText()}");
        }

        // What comes first may have been written before the switch.
        await _console.WaitForTicksAsync(TicksInFlight, Timeouts.Boot, cancellation);
        _hops.Add(new Interruption(before, _console.LastTick));
        await TickAsync(TicksBetween);
        await _client.WaitForMoreAsync(cancellation);
        narrator.Say($"the client has {_client.Blocks} KiB, over the same connection");
        await TypeAsync(old, "info status", Postmigrate);
        await TypeAsync(successor, "info status", Running);
        narrator.Say($"the {old.Name} vmm's account of the hop, in microseconds: {Split(account)}");
        return successor with { Qmp = Keep(await successor.Process.OpenQmpAsync(DemoGuest.QmpSocket, cancellation)) };
    }

    /// <returns>How many records the guest had reported as saved.</returns>
    private async Task<int> EndAsync(Generation last)
    {
        narrator.Begin("end, by the power button");
        await TickAsync(TicksBetween);
        _stream = await _client.EndAsync(cancellation);
        var saved = await _console.RunAsync("cat /tmp/saved", cancellation: cancellation);
        narrator.Say($"records that the guest has saved: {saved.Output}");
        await last.Qmp!.ExecuteAsync("system_powerdown", cancellation: cancellation);
        var exit = await last.Process.Exited.WaitAsync(Timeouts.Answer, cancellation);
        if (exit != 0)
        {
            throw new IOException($"the last vmm ended with status {exit}: {last.Process.Errors}");
        }

        return int.Parse(saved.Output, CultureInfo.InvariantCulture);
    }

    private async Task<bool> JudgeAsync(int reported)
    {
        narrator.Begin("verdict, from the captured console, the disk's image and the client");
        var pulse = PulseVerdict.Of(_console.Lines, _hops);
        narrator.Say(pulse.ToString());
        var disk = await DiskVerdict.OfAsync(host, Image, reported, cancellation);
        narrator.Say(disk.ToString());
        narrator.Say(_stream.ToString());
        bool holds = pulse.Holds && disk.Holds && _stream.Holds;
        narrator.Say(holds ? "the guest never noticed" : "THE GUEST NOTICED");
        return holds;
    }

    private async Task<Generation> StartAsync(string name, string[] update)
    {
        var arguments = DemoGuest.Arguments(host, _network).With(update);
        narrator.Say(update.Length == 0
            ? $"$ {host.VmmPath} {string.Join(' ', arguments)}"
            : $"$ {host.VmmPath} (the same arguments) {string.Join(' ', update)}");
        var process = Keep(await VmmProcess.StartAsync(host, host.VmmPath, arguments, folder, cancellation));
        var monitor = await process.OpenMonitorAsync(cancellation: cancellation);
        narrator.Say($"the {name} vmm is process {process.Pid}");
        return new Generation(name, process, monitor, null);
    }

    private async Task TypeAsync(Generation vmm, string line, string? expected = null)
    {
        var answer = await vmm.Monitor.ExecuteAsync(line, cancellation);
        narrator.Say($"{vmm.Name,6} (qemu) {line}\n{answer}");
        if (expected is not null && answer != expected)
        {
            throw new IOException($"`{line}` should have been answered \"{expected.TrimEnd()}\"");
        }
    }

    private async Task AskAsync(Generation vmm, string command, string arguments)
    {
        var answer = await vmm.Qmp!.ExecuteAsync(command, arguments, cancellation);
        narrator.Say($"{vmm.Name,6} QMP {command} -> {answer.GetRawText()}");
    }

    private static Task<JsonElement> ReportEventsAsync(Generation vmm) => vmm.Qmp!.ExecuteAsync(
        "migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": true}]}""");

    private async Task TickAsync(int count)
    {
        var last = await _console.WaitForTicksAsync(count, Timeouts.Boot, cancellation);
        narrator.Say(string.Create(
            CultureInfo.InvariantCulture, $"the guest ticks: {last.Count} (largest gap since the line before: {last.Gap / 1e6:0.0} ms)"));
    }

    /// <summary>Where the time went, phase by phase, as query-migrate reports it.</summary>
    private static string Split(JsonElement account) => string.Join(
        ", ", account.GetProperty("cpr").EnumerateObject().Select(phase => $"{phase.Name} {phase.Value.GetRawText()}"));

    private ValueTask CloseAsync(IAsyncDisposable opened)
    {
        _opened.Remove(opened);
        return opened.DisposeAsync();
    }

    private T Keep<T>(T opened)
        where T : IAsyncDisposable
    {
        _opened.Add(opened);
        return opened;
    }

    private sealed record Generation(string Name, VmmProcess Process, HmpClient Monitor, QmpClient? Qmp);
}
