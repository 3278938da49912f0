// What ./demo and ./test call:
//   demo [--keep|--passt] the live-update demo; see Demo/LiveUpdateDemo.cs, and Demo/KeptGuest.cs for what stays; with passt even where a tap can be made
//   run COMMAND           runs a shell command on the host for Linux guests (the lab, where this machine cannot)
//   compare [disk|network] [ROUNDS]   what a Linux guest's disk requests and TCP cost, against QEMU; see bench/run, Requests and Traffic
//   rerun TRX...          prints the filter of the failed tests that are run again; see Reports/TestRerun.cs
//   report STATUS TRX... [-- TRX...]  ends a test run, with its reruns; see Reports/TestReport.cs

using System.Globalization;
using System.Runtime.InteropServices;
using Vmm.Lab.Comparisons;
using Vmm.Lab.Demo;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Lab.Reports;
using Vmm.Lab.Requests;
using Vmm.Lab.Traffic;

using var interrupt = new CancellationTokenSource();
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
using var onHangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Interrupt);

try
{
    return args switch
    {
        ["demo"] => await DemoAsync(demo => demo.RunAsync()),
        ["demo", "--passt"] => await DemoAsync(demo => demo.RunAsync(), GuestNetwork.OnFreePasst()),
        ["demo", "--keep"] => await KeptDemoAsync(),
        ["run", var command] => await RunAsync(command),
        ["compare"] => await CompareAsync(disk: true, network: true),
        ["compare", var rounds] when TryParseRounds(rounds, out int count) => await CompareAsync(disk: true, network: true, count),
        ["compare", var part] when IsPart(part) => await CompareAsync(part == "disk", part == "network"),
        ["compare", var part, var rounds] when IsPart(part) && TryParseRounds(rounds, out int count) => await CompareAsync(part == "disk", part == "network", count),
        ["rerun", .. var files] => PrintRerun(files),
        ["report", var status, .. var files] => Report(status, files),
        _ => Usage(),
    };
}
catch (Exception failure)
{
    Console.Error.WriteLine(interrupt.IsCancellationRequested ? "interrupted" : failure.Message);
    return 1;
}

async Task<int> DemoAsync(Func<LiveUpdateDemo, Task<bool>> run, GuestNetwork? network = null)
{
    var narrator = new Narrator();
    try
    {
        narrator.Begin("find a host for Linux guests");
        await using var host = await HostSelector.SelectAsync(narrator.Say, interrupt.Token);
        narrator.Say($"the demo runs on {host.Name}");
        var folder = await host.MakeFolderAsync(interrupt.Token);
        try
        {
            await using var demo = new LiveUpdateDemo(host, folder, narrator, interrupt.Token) { Network = network };
            return await run(demo) ? 0 : 1;
        }
        finally
        {
            await host.TryRunAsync($"rm -rf {Shell.Quote(folder)}");
        }
    }
    catch (Exception failure) when (!interrupt.IsCancellationRequested)
    {
        narrator.Say($"FAILED in step \"{narrator.Step}\": {failure.Message}");
        return 1;
    }
}

async Task<int> KeptDemoAsync()
{
    UserTerminal.RequireTerminal();
    return await DemoAsync(async demo =>
    {
        await demo.KeepAsync();
        return true;
    });
}

async Task<int> RunAsync(string command)
{
    await using var host = await HostSelector.SelectAsync(Console.Error.WriteLine, interrupt.Token);
    await using var process = await host.StartAsync(command, interrupt.Token);
    await Task.WhenAll(
        process.Output.CopyToAsync(Console.OpenStandardOutput(), interrupt.Token),
        process.Errors.CopyToAsync(Console.OpenStandardError(), interrupt.Token));
    return await process.Exited;
}

static bool IsPart(string word) => word is "disk" or "network";

static bool TryParseRounds(string word, out int rounds) => int.TryParse(word, CultureInfo.InvariantCulture, out rounds) && rounds > 0;

async Task<int> CompareAsync(bool disk, bool network, int rounds = 5)
{
    await using var host = await ComparedHost.BootAsync(interrupt.Token);
    bool isMet = !disk || await RequestsBenchmark.RunAsync(host, rounds, interrupt.Token);
    isMet &= !network || await TrafficBenchmark.RunAsync(host, rounds, interrupt.Token);
    return isMet ? 0 : 1;
}

static int PrintRerun(string[] files)
{
    Console.WriteLine(TestRerun.Filter(files));
    return 0;
}

static int Report(string status, string[] files) => TestReport.Print(
    status, files.TakeWhile(file => file != "--"), [.. files.SkipWhile(file => file != "--").Skip(1)], Console.Out);

static int Usage()
{
    Console.Error.WriteLine("usage: demo [--keep|--passt] | run COMMAND | compare [disk|network] [ROUNDS] | rerun TRX... | report STATUS TRX... [-- TRX...]");
    return 2;
}

void Interrupt(PosixSignalContext context)
{
    context.Cancel = true;
    interrupt.Cancel();
}
