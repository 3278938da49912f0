// Every option that takes a path is given everything that a path can lead to: the program works with it, or ends at once with an error that
// names option and path. It never waits for another process that may never come: the reader of a FIFO, the carrier of a terminal.

using System.Text.RegularExpressions;
using Vmm.CommandLine;
using Vmm.Core.Native;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.Unit.Hosting;

namespace Vmm.Tests.EndToEnd.Running;

/// <summary>Whatever an operator's path leads to, nothing waits for it.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed partial class OperatorPathTests : EndToEndTest
{
    private const string OwnMonitor = "own.qmp";

    private static readonly PathOption[] Options =
    [
        new("kernel", "FILE", path => TinyMachine.Headless(path), "could not load"),
        new("initrd", "FILE", path => Machine.With("-initrd", path), "could not load"),
        new("object", "memory-backend-file", path => new ArgumentList
        {
            { "-machine", "microvm,memory-backend=ram0" },
            { "-m", "16M" },
            { "-object", $"memory-backend-file,id=ram0,size=16M,share=on,mem-path={path}" },
            "-nodefaults",
            { "-kernel", Host.TinyGuest("counter") },
        }, "guest memory 'ram0'"),
        new("serial", "file", path => Machine.With("-serial", $"file:{path}"), "chardev 'serial0'"),
        new("serial", "pty", path => Machine.With("-serial", $"pty:{path}"), "chardev 'serial0'"),
        new("serial", "unix client", path => Machine.With("-serial", $"unix:{path}"), "chardev 'serial0'"),
        new("serial", "unix server", path => Machine.With("-serial", $"unix:{path},server=on,wait=off"), "chardev 'serial0'"),
        new("debugcon", "file", path => Machine.With("-debugcon", $"file:{path}"), "chardev 'debugcon'"),
        new("chardev", "file", path => Machine.With("-chardev", $"file,id=c,append=on,path={path}", "-device", "isa-serial,chardev=c"), "chardev 'c'"),
        new("blockdev", "file", path => Machine.With("-blockdev", $"driver=file,node-name=d,filename={path}"), "Could not open"),
        new("netdev", "stream client", path => Machine.With("-netdev", $"stream,id=n,addr.type=unix,addr.path={path}"), "netdev 'n'"),
        new("netdev", "stream server", path => Machine.With("-netdev", $"stream,id=n,server=on,addr.type=unix,addr.path={path}"), "netdev 'n'"),
        new("drive", "file", path => Machine.With("-drive", $"if=none,id=d,format=raw,file={path}"), "Could not open"),
        new("monitor", "server", path => Machine.With("-monitor", $"unix:{path},server=on,wait=off"), "bind"),
        new("monitor", "client", path => Machine.With("-monitor", $"unix:{path}"), "chardev 'compat_monitor0'"),
        new("qmp", "server", path => Machine.With("-qmp", $"unix:{path},server=on,wait=off"), "bind"),
        new("qmp-pretty", "server", path => Machine.With("-qmp-pretty", $"unix:{path},server=on,wait=off"), "bind"),
        new("incoming", "unix", path => Machine.With("-incoming", $"unix:{path}", "-cpr-uri", "unix:cpr.sock"), "bind"),
        new("cpr-uri", "unix", path => Machine.With("-incoming", "unix:main.sock", "-cpr-uri", $"unix:{path}"), "bind"),
        new("pidfile", "FILE", path => Machine.With("-pidfile", path), "PID file"),
        new("D", "FILE", path => Machine.With("-D", path), "log file"),
    ];

    private static ArgumentList Machine => TinyMachine.Silent("counter");

    private static IEnumerable<TestCaseData> Cases => Options.Select(option => new TestCaseData(option).SetArgDisplayNames($"-{option.Name} {option.Form}"));

    [Test]
    public void Every_option_whose_argument_is_a_path_is_among_them() => Assert.That(
        OptionTable.All.Where(option => option.Argument is { } argument && TakesPath().IsMatch(argument)).Select(option => option.Name),
        Is.EquivalentTo(Options.Select(option => option.Name).Distinct()));

    [TestCaseSource(nameof(Cases))]
    [Promise(48)]
    public async Task It_works_or_ends_with_an_error_that_names_it(object given)
    {
        var option = (PathOption)given;
        var (master, terminal) = TerminalDevice.CreatePty();
        using var terminalMaster = master;
        Fifo.Make(InFolder("fifo"));
        Directory.CreateDirectory(InFolder("directory"));
        DeafPeer.LeaveStale(InFolder("dead"));
        using var live = DeafPeer.Listen(InFolder("live"));
        File.CreateSymbolicLink(InFolder("dangling"), InFolder("nowhere/target"));
        string[] paths =
        [
            InFolder("fifo"), terminal, InFolder("directory"), InFolder("dead"), InFolder("live"), "/dev/full", InFolder("dangling"), "/sys/vmm-test",
        ];

        foreach (string path in paths)
        {
            await ExpectWorkOrErrorAsync(option, path);
        }

        Assert.That(HostFile.StatName(InFolder("fifo"))?.KindName, Is.EqualTo("a FIFO"));
        Assert.That(HostFile.StatName(InFolder("directory"))?.IsDirectory, Is.True);
        Assert.That(UnixSocket.HasLiveListener(InFolder("live")), Is.True);
        Assert.That(HostFile.StatName(InFolder("dangling"))?.IsLink, Is.True);
    }

    private async Task ExpectWorkOrErrorAsync(PathOption option, string path)
    {
        var vmm = await StartAsync(option.Arguments(path).With(TinyMachine.Monitor(OwnMonitor)));
        if (!await WorksAsync(vmm))
        {
            Assert.That(await vmm.Exited.WaitAsync(Timeouts.Answer), Is.EqualTo(1), path);
            Assert.That(vmm.Errors, Does.Contain(path).And.Contain(option.Purpose));
            Assert.That(vmm.Errors.Split('\n'), Has.Length.EqualTo(2), "one line");
        }

        File.Delete(InFolder(OwnMonitor));
    }

    /// <summary>Whether it runs its guest, or waits for one, and ends when asked to. What it opens last it opens while its monitor answers already.</summary>
    private async Task<bool> WorksAsync(VmmProcess vmm)
    {
        try
        {
            var qmp = await OpenQmpAsync(vmm, OwnMonitor);
            while ((await qmp.ExecuteAsync("query-status")).GetProperty("status").GetString() == "prelaunch")
            {
                await Task.Delay(5);
            }

            await qmp.ExecuteAsync("quit");
        }
        catch (IOException)
        {
            return false;
        }

        Assert.That(await vmm.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
        return true;
    }

    [GeneratedRegex(@"\b(FILE|PATH|DEV|URI)\b")]
    private static partial Regex TakesPath();

    private sealed record PathOption(string Name, string Form, Func<string, ArgumentList> Arguments, string Purpose);
}
