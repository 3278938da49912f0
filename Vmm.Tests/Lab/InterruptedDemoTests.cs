using System.Diagnostics;
using System.Globalization;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>
/// Ctrl-C in the demo. It is pressed while the demo brings its world up: on a host without hardware virtualization that is QEMU with the lab in it,
/// elsewhere the first vmm.
/// </summary>
[NonParallelizable]
public sealed class InterruptedDemoTests
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    private readonly LocalHost _host = new();
    private string _folder = "";

    [SetUp]
    public async Task MakeFolder() => _folder = await _host.MakeFolderAsync();

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("INT")]
    [TestCase("TERM")]
    [TestCase("HUP")]
    public async Task It_leaves_no_process_and_no_file_behind_and_says_that_it_did_not_succeed(string signal)
    {
        await using var demo = await StartAsync();
        await using var output = new ConsoleReader(demo.Output);
        await using var errors = new ConsoleReader(demo.Errors);
        int machine = await MachineOfAsync(demo);
        int[] everybody = [machine, .. DescendantsOf(demo.Pid)];

        await _host.RunAsync($"kill -{signal} {demo.Pid}");

        Assert.That(await demo.Exited.WaitAsync(Timeouts.Boot), Is.Not.Zero);
        await errors.WaitForLineAsync("interrupted");
        Assert.That(everybody.Where(IsAlive), Is.Empty, "processes that the demo started");
        Assert.That(Directory.GetFileSystemEntries(_folder), Is.Empty, "files of the demo");
    }

    /// <summary>
    /// Starts the demo as the script does, with a folder of its own for whatever is temporary. Signals that are ignored where the tests run, as
    /// under nohup, would be ignored in the demo too.
    /// </summary>
    private Task<IHostProcess> StartAsync()
    {
        string program = Path.Combine(AppContext.BaseDirectory, "Vmm.Lab.dll");
        return _host.StartAsync(
            $"TMPDIR={Shell.Quote(_folder)} DOTNET_EnableDiagnostics=0 exec env --default-signal=INT,TERM,HUP dotnet {Shell.Quote(program)} demo");
    }

    /// <summary>Waits until the demo has started a machine. Nothing reports a new process in time, so this looks again and again.</summary>
    private static async Task<int> MachineOfAsync(IHostProcess demo)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Boot);
        while (!deadline.IsCancellationRequested)
        {
            foreach (int process in DescendantsOf(demo.Pid))
            {
                if (NameOf(process) is { } name && (name.StartsWith("qemu-system", StringComparison.Ordinal) || name == "vmm"))
                {
                    return process;
                }
            }

            Assert.That(demo.Exited.IsCompleted, Is.False, "the demo runs until it is asked to end");
            await Task.Delay(Poll);
        }

        throw new TimeoutException("the demo started no machine");
    }

    private static IEnumerable<int> DescendantsOf(int process)
    {
        var parents = new Dictionary<int, int>();
        foreach (var other in Process.GetProcesses())
        {
            using (other)
            {
                if (ParentOf(other.Id) is { } parent)
                {
                    parents[other.Id] = parent;
                }
            }
        }

        return parents.Keys.Where(IsBelow);

        bool IsBelow(int pid)
        {
            while (parents.TryGetValue(pid, out pid))
            {
                if (pid == process)
                {
                    return true;
                }
            }

            return false;
        }
    }

    private static int? ParentOf(int process) =>
        Field(process, "PPid:") is { } parent ? int.Parse(parent, CultureInfo.InvariantCulture) : null;

    private static string? NameOf(int process) => Field(process, "Name:");

    /// <summary>A process that has ended and whose status was not read yet is dead too.</summary>
    private static bool IsAlive(int process) => Field(process, "State:") is { } state && !state.StartsWith('Z');

    private static string? Field(int process, string name)
    {
        try
        {
            return File.ReadLines($"/proc/{process}/status").FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?[name.Length..].Trim();
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return null;
        }
    }
}
