// A thread as the host shows it under /proc. Source: proc_pid_stat(5), proc_pid_status(5).

using System.Globalization;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>What an operator sees of a thread, and may have set.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Processors">The processors that it may use, as a list of numbers and ranges.</param>
/// <param name="Policy">Its scheduling policy, a SCHED_ constant.</param>
/// <param name="Priority">Its real-time priority.</param>
internal sealed record HostThread(string Name, string Processors, int Policy, int Priority)
{
    private const int PriorityField = 40;
    private const int PolicyField = 41;

    /// <summary>Reads what the host says of a process's thread.</summary>
    internal static HostThread Of(VmmProcess process, int id)
    {
        string folder = $"/proc/{process.Pid}/task/{id}";

        // The second field is the name in parentheses and may hold anything; the third follows its end.
        string stat = File.ReadAllText($"{folder}/stat");
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        int Field(int number) => int.Parse(fields[number - 3], CultureInfo.InvariantCulture);
        return new HostThread(
            File.ReadAllText($"{folder}/comm").TrimEnd(), ProcessorsIn($"{folder}/status"), Field(PolicyField), Field(PriorityField));
    }

    /// <summary>The threads of a process.</summary>
    internal static IReadOnlyList<HostThread> All(VmmProcess process) =>
    [
        .. Directory.EnumerateDirectories($"/proc/{process.Pid}/task")
            .Select(folder => TryOf(process, int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture)))
            .OfType<HostThread>(),
    ];

    /// <summary>
    /// Waits until the threads of a process that are not vCPUs' sleep and have used no processor time for a while: each is then in the call in which
    /// it waits for something to do.
    /// </summary>
    internal static async Task RestAsync(VmmProcess process)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        for (string before = Used(process); ; before = Used(process))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), deadline.Token);
            if (Sleep(process) && Used(process) == before)
            {
                return;
            }
        }
    }

    /// <summary>The threads of a process that take precedence over all others on the host.</summary>
    internal static IReadOnlyList<HostThread> RealTime(VmmProcess process) => [.. All(process).Where(thread => thread.Priority > 0)];

    /// <summary>The processors that this process may use, as a list of numbers and ranges.</summary>
    internal static string GivenProcessors => ProcessorsIn("/proc/self/status");

    /// <summary>The numbers of the processors that this process may use.</summary>
    internal static IReadOnlyList<int> OwnProcessors() =>
    [
        .. from range in GivenProcessors.Split(',')
           let ends = range.Split('-').Select(n => int.Parse(n, CultureInfo.InvariantCulture)).ToArray()
           from number in Enumerable.Range(ends[0], ends[^1] - ends[0] + 1)
           select number,
    ];

    private static string Used(VmmProcess process) => string.Join(' ', NotOfCpus(process).Select(folder => File.ReadAllText($"{folder}/schedstat").Split(' ')[0]));

    /// <summary>None of them is ready to run and waits for a processor.</summary>
    private static bool Sleep(VmmProcess process) => NotOfCpus(process).All(folder => File.ReadAllText($"{folder}/stat").Split(") ")[^1].StartsWith('S'));

    private static IEnumerable<string> NotOfCpus(VmmProcess process) => Directory.EnumerateDirectories($"/proc/{process.Pid}/task").Order(StringComparer.Ordinal)
        .Where(folder => !File.ReadAllText($"{folder}/comm").StartsWith("CPU ", StringComparison.Ordinal));

    /// <summary>A thread, unless it has ended meanwhile.</summary>
    private static HostThread? TryOf(VmmProcess process, int id)
    {
        try
        {
            return Of(process, id);
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static string ProcessorsIn(string status)
    {
        const string Label = "Cpus_allowed_list:";
        return File.ReadLines(status).Single(line => line.StartsWith(Label, StringComparison.Ordinal))[Label.Length..].Trim();
    }
}
