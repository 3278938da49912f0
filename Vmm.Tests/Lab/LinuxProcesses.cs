// The line of processes that run a Linux guest, one after the other. Everything that a process is started with is the same for all of them; one that waits
// for the guest gets the update options beside it. All run in the guest's folder, by which those are found that they have started in turn: the
// programs of an update by exec (the new one that is asked, the keeper), and what a guest is saved through.

using System.Globalization;
using System.Text.RegularExpressions;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>The processes of a Linux guest.</summary>
/// <param name="host">Where they run.</param>
/// <param name="folder">In which folder.</param>
/// <param name="parts">What the guest has that others have not.</param>
/// <param name="arguments">What each of them is started with.</param>
internal sealed partial class LinuxProcesses(IHost host, string folder, LinuxGuestParts parts, ArgumentList arguments) : IAsyncDisposable
{
    private readonly List<VmmProcess> _processes = [];
    private readonly Dictionary<VmmProcess, HostStepObserver> _observers = [];

    /// <summary>The program that all of them run.</summary>
    internal string Program => parts.Program is null ? host.VmmPath : $"{folder}/vmm";

    /// <summary>How many were started so far.</summary>
    internal int Count => _processes.Count;

    /// <summary>What all of them said on stderr.</summary>
    internal string Errors => string.Concat(_processes.Select(process => $"[{process.Pid}]\n{process.Errors}"));

    /// <summary>The command line of one of them.</summary>
    internal string[] Command(params IEnumerable<string> more) => [Program, .. arguments, .. more];

    /// <summary>Starts one.</summary>
    internal async Task<VmmProcess> StartAsync(params string[] more)
    {
        string[] command = Command(more);
        if (!parts.ReportsSteps)
        {
            return Keep(await VmmProcess.StartAsync(host, Program, command[1..], folder));
        }

        string socket = $"{_processes.Count}.steps";
        var observer = await HostStepObserver.ListenAsync(host, $"{folder}/{socket}");
        var process = Keep(await VmmProcess.StartAsync(host, "env", [$"{Migration.Handover.Boundary.Variable}={socket}", .. command], folder));
        _observers.Add(process, observer);
        return process;
    }

    /// <summary>The observer of a process's steps, which each process has whose program reports them.</summary>
    internal HostStepObserver StepsOf(VmmProcess process) => _observers[process];

    /// <summary>Waits until none is left on the host but one, which has no children, or none at all.</summary>
    internal async Task ExpectNoneButAsync(VmmProcess? last)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        string[] others;
        do
        {
            others = await OthersAsync(last);
        }
        while (others.Length > 0 && !deadline.IsCancellationRequested);
        Assert.That(others, Is.Empty, $"processes besides {(last is null ? "none" : last.Pid)}");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Enumerable.Reverse(_processes))
        {
            await process.DisposeAsync();
        }

        foreach (var observer in _observers.Values)
        {
            await observer.DisposeAsync();
        }
    }

    /// <summary>Those with this folder as their own, and the children of the last one, among which those that have ended and are not waited for.</summary>
    private async Task<string[]> OthersAsync(VmmProcess? last)
    {
        string listed = await host.RunAsync($"ls -l /proc/[0-9]*/cwd 2> /dev/null | grep -F {Shell.Quote($" -> {folder}")} || true");
        string children = last is null
            ? ""
            : await host.RunAsync($"cd /proc/{last.Pid}/task && cat {last.Pid}/children && {{ cat */children 2> /dev/null || true; }}");
        string? own = last?.Pid.ToString(CultureInfo.InvariantCulture);
        return
        [
            .. ProcessFolder().Matches(listed).Select(match => match.Groups[1].Value)
                .Concat(children.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(pid => pid != own).Distinct(),
        ];
    }

    private VmmProcess Keep(VmmProcess process)
    {
        _processes.Add(process);
        return process;
    }

    [GeneratedRegex("/proc/([0-9]+)/cwd -> ")]
    private static partial Regex ProcessFolder();
}
