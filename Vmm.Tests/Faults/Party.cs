// One process of a handover as a fault test sees it: with a monitor, with an observer of its steps, and with the guest's
// count in a file of its own. The guest writes each number to the debug port, which leads to standard output, and that is
// the one back end that never crosses a handover. So the files say which process ran the guest when.

using System.Globalization;
using System.Text.RegularExpressions;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.Faults;

/// <summary>A process under observation, and what can be seen of it from outside.</summary>
internal sealed partial class Party : IAsyncDisposable
{
    /// <summary>The guest: it prints its count, and keeps a disk busy.</summary>
    internal const string Guest = "disk-ticker";

    /// <summary>The same, which keeps a network card busy besides.</summary>
    internal const string NetworkGuest = "disk-net-ticker";

    /// <summary>Bytes of guest RAM.</summary>
    internal const long RamSize = 4 << 20;

    // Descriptors that a test's host passes on by accident are not the process's: it starts with three.
    private const string Start = """
        for f in /proc/self/fd/*; do f=${f##*/}; [ "$f" -gt 2 ] && exec {f}>&-; done
        exec "$0" "$@" > CONSOLE
        """;

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(2);

    private readonly string _folder;
    private readonly string _console;

    private Party(string name, string folder, StepObserver steps, VmmProcess process, QmpClient qmp)
    {
        Name = name;
        _folder = folder;
        _console = Path.Combine(folder, $"{name}.console");
        Steps = steps;
        Process = process;
        Qmp = qmp;
    }

    /// <summary>A letter: the first process of a line is a.</summary>
    internal string Name { get; }

    /// <summary>Its steps.</summary>
    internal StepObserver Steps { get; }

    /// <summary>The process.</summary>
    internal VmmProcess Process { get; }

    /// <summary>Its monitor.</summary>
    internal QmpClient Qmp { get; }

    /// <summary>Whether it has not ended.</summary>
    internal bool Lives => !Process.Exited.IsCompleted;

    /// <summary>What the guest has written here.</summary>
    internal string Console => File.ReadAllText(_console);

    /// <summary>How much that is.</summary>
    internal long ConsoleLength => new FileInfo(_console).Length;

    /// <summary>Starts a process of the line.</summary>
    /// <param name="name">Its letter.</param>
    /// <param name="folder">The scene's folder.</param>
    /// <param name="program">The program, and what it is started by, if anything.</param>
    /// <param name="guest">The guest, which counts aloud.</param>
    /// <param name="more">Options beyond those that all processes have.</param>
    internal static async Task<Party> StartAsync(string name, string folder, IReadOnlyList<string> program, string guest, params IEnumerable<string> more)
    {
        var steps = new StepObserver(Path.Combine(folder, $"{name}.steps"));
        ArgumentList arguments = new()
        {
            { "-machine", "microvm,memory-backend=ram0" },
            { "-m", "4M" },
            { "-object", "memory-backend-memfd,id=ram0,size=4M,share=on" },
            "-nodefaults",
            { "-kernel", FaultProgram.Host.TinyGuest(guest) },
            { "-debugcon", "stdio" },
            { "-qmp", $"unix:{name}.qmp,server=on,wait=off" },
        };
        VmmProcess? process = null;
        try
        {
            process = await VmmProcess.StartAsync(
                FaultProgram.Host,
                "/bin/env",
                [$"{Migration.Handover.Boundary.Variable}={name}.steps", "/bin/bash", "-c",
                    Start.Replace("CONSOLE", $"{name}.console", StringComparison.Ordinal), .. program, .. arguments, .. more],
                folder);
            var qmp = await process.OpenQmpAsync($"{name}.qmp");
            await qmp.ExecuteAsync("migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": true}]}""");
            return new Party(name, folder, steps, process, qmp);
        }
        catch
        {
            await steps.DisposeAsync();
            if (process is not null)
            {
                await process.DisposeAsync();
            }

            throw;
        }
    }

    /// <summary>The run state.</summary>
    internal async Task<string> StatusAsync() => (await Qmp.ExecuteAsync("query-status")).GetProperty("status").GetString()!;

    /// <summary>error-desc of query-migrate; empty when there is none.</summary>
    internal async Task<string> ReasonAsync() =>
        (await Qmp.ExecuteAsync("query-migrate")).TryGetProperty("error-desc", out var text) ? text.GetString()! : string.Empty;

    /// <summary>Waits until the guest has counted here.</summary>
    internal async Task CountsAsync()
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (ConsoleLength < 2 * "1\n".Length)
        {
            await Task.Delay(Poll, deadline.Token);
        }
    }

    /// <summary>Waits until no migration is under way any more, without taking the event that says so from the code that waits for it.</summary>
    internal async Task SettledAsync()
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!Qmp.Events.Any(e => e.Name == "MIGRATION" && e.Data.GetProperty("status").GetString() is "completed" or "failed" or "cancelled"))
        {
            await Task.Delay(Poll, deadline.Token);
        }
    }

    /// <summary>Shortens its waits in a handover, each to this many milliseconds.</summary>
    internal Task SetTimeoutsAsync(int milliseconds) => Qmp.ExecuteAsync(
        "migrate-set-parameters",
        $$"""
        {"cpr-connect-timeout": {{milliseconds}}, "cpr-plan-timeout": {{milliseconds}}, "cpr-ready-timeout": {{milliseconds}},
         "cpr-state-timeout": {{milliseconds}}, "cpr-load-timeout": {{milliseconds}}, "cpr-acknowledge-timeout": {{milliseconds}}}
        """);

    /// <summary>Its descriptors, by what they lead to, without what differs between processes. The observer's socket and what the runtime has
    /// because of it are not counted.</summary>
    internal IReadOnlyList<string> Descriptors()
    {
        var names = Directory.EnumerateFileSystemEntries($"/proc/{Process.Pid}/fd")
            .Select(link => new FileInfo(link).LinkTarget ?? "closed meanwhile")
            .Select(name => OwnPart().Replace(name.Replace(_folder, "", StringComparison.Ordinal), string.Empty))
            .Order(StringComparer.Ordinal)
            .ToList();
        if (Steps.IsConnected)
        {
            names.Remove("socket:");
            names.Remove("anon_inode:[eventpoll]");
        }

        return names;
    }

    /// <summary>Its threads by name, without those of the language's runtime and the kernel's own for io_uring, which come and go.</summary>
    internal IReadOnlyList<string> Threads() =>
    [
        .. Tasks(Process.Pid).Select(task => ReadOrEmpty($"{task}/comm").Trim())
            .Where(name => !name.StartsWith(".NET", StringComparison.Ordinal) && !name.StartsWith("iou-", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Nanoseconds of processor time that its vCPUs' threads have used.</summary>
    internal long CpuTime() => CpuTime(Process.Pid);

    /// <summary>The same of any process.</summary>
    internal static long CpuTime(int process) => Tasks(process)
        .Where(task => ReadOrEmpty($"{task}/comm").StartsWith("CPU ", StringComparison.Ordinal))
        .Select(task => ReadOrEmpty($"{task}/schedstat").Split(' ')[0])
        .Sum(time => long.TryParse(time, CultureInfo.InvariantCulture, out long used) ? used : 0);

    /// <summary>
    /// Waits until its vCPUs' threads use no processor time for as long as <paramref name="watch"/>. One whose vCPU has stopped may still be on its way
    /// to sleep, which takes a moment on a busy host; one that runs a guest never gets there.
    /// </summary>
    /// <returns>Whether it got there in time.</returns>
    internal async Task<bool> CpusRestAsync(TimeSpan watch)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        for (long before = CpuTime(); !deadline.IsCancellationRequested; before = CpuTime())
        {
            await Task.Delay(watch);
            if (CpuTime() <= before)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether the machine loop's thread and the vCPUs' are stopped by a signal, or are no more.</summary>
    internal bool IsStopped => Tasks(Process.Pid)
        .Where(task => task.EndsWith($"/{Process.Pid}", StringComparison.Ordinal) || ReadOrEmpty($"{task}/comm").StartsWith("CPU ", StringComparison.Ordinal))
        .All(task => ReadOrEmpty($"{task}/stat").Split(") ") is not [_, ['R' or 'S' or 'D', ..]]);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        await Qmp.DisposeAsync();
        await Steps.DisposeAsync();
    }

    private static string[] Tasks(int process)
    {
        try
        {
            return Directory.GetDirectories($"/proc/{process}/task");
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }

    /// <summary>A thread may end between being listed and being read.</summary>
    private static string ReadOrEmpty(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return string.Empty;
        }
    }

    /// <summary>Inode numbers, and the letter in front of a file's name.</summary>
    [GeneratedRegex(@"(?<=:)\[\d+\]$|(?<=^/)[a-z](?=\.)", RegexOptions.CultureInvariant)]
    private static partial Regex OwnPart();
}
