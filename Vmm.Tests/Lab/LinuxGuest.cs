// A Debian guest, and what is done to it from outside: it goes to another process, its process becomes another program, it is saved and restored. The console
// is one connection that crosses with the guest; the newest process answers on the one QMP path, and a program that replaces another on the same session.

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Lab;

/// <summary>A running Linux guest, in the process that has it now.</summary>
internal sealed class LinuxGuest : IAsyncDisposable
{
    private const string ConsoleSocket = "console.sock";
    private const string QmpSocket = "qmp.sock";
    private const string Kernel = "vmlinuz";
    private const string Initrd = "initrd";
    private const string Disk = "disk.img";

    // A stretch between two hops is judged by the line that arrived soonest: the more lines, the less a busy machine matters.
    private const int TicksBetween = 20;
    private const int TicksInFlight = 5;

    // In the lab both processes are as slow as their host, and an update that was given up for that says nothing about either.
    private const int WaitMilliseconds = 120_000;

    private static readonly string[] WaitsOfOld = ["cpr-connect-timeout", "cpr-ready-timeout", "cpr-load-timeout", "cpr-acknowledge-timeout"];
    private static readonly string[] WaitsOfNew = ["cpr-connect-timeout", "cpr-plan-timeout", "cpr-state-timeout"];

    private readonly IHost _host;
    private readonly string _folder;
    private readonly LinuxProcesses _processes;
    private readonly List<Interruption> _hops = [];
    private readonly GuestStory _story = new();
    private readonly int _vcpus;
    private readonly ControlGuest? _control;
    private int _up;
    private int _updates;
    private HmpClient? _monitor;

    private LinuxGuest(IHost host, string folder, int vcpus, LinuxGuestParts parts, ControlGuest? control, string[] more)
    {
        _host = host;
        _folder = folder;
        _vcpus = vcpus;
        _control = control;
        var arguments = new ArgumentList
        {
            { "-machine", "microvm,memory-backend=ram0" },
            { "-accel", "kvm" },
            { "-cpu", "host" },
            { "-smp", $"{vcpus}" },
            { "-m", "256M" },
            { "-object", "memory-backend-memfd,id=ram0,size=256M,share=on" },
            "-nodefaults",
            { "-display", "none" },
            { "-kernel", Kernel },
            { "-initrd", Initrd },
            { "-append", "console=ttyS0 quiet" },
            { "-chardev", $"socket,id=console,path={ConsoleSocket},server=on,wait=off" },
            { "-serial", "chardev:console" },
            { "-qmp", $"unix:{QmpSocket},server=on,wait=off" },
            { "-monitor", "stdio" },
        };
        _processes = new LinuxProcesses(host, folder, parts, arguments.With(more));
    }

    /// <summary>The serial console.</summary>
    internal ConsoleReader Console { get; private set; } = null!;

    /// <summary>The process that has the guest.</summary>
    internal VmmProcess Process { get; private set; } = null!;

    /// <summary>A session with the process that has the guest.</summary>
    internal QmpClient Qmp { get; private set; } = null!;

    /// <summary>What all processes so far said on stderr.</summary>
    internal string Errors => _processes.Errors;

    /// <summary>For a reader who finds it lost: what was done to it, what its console said meanwhile, and what all processes said.</summary>
    internal string Account =>
        $"{_vcpus} vCPUs, {_hops.Count} updates since it came up; {_story.Describe(Console.Lines)}\nwhat the processes said:\n{Errors}";

    /// <summary>The image of its disk on its host, if its arguments name one.</summary>
    internal string Image => $"{_folder}/{Disk}";

    /// <summary>Boots a guest from copies of the kernel and initrd, and waits until its init runs.</summary>
    /// <param name="host">Where.</param>
    /// <param name="vcpus">How many vCPUs it has.</param>
    /// <param name="control">Whose ticks its time is counted in; null for the control guest itself.</param>
    /// <param name="timeout">How long the boot may take.</param>
    /// <param name="parts">What it has that other guests have not.</param>
    /// <param name="more">More arguments of every process that runs it.</param>
    internal static async Task<LinuxGuest> BootAsync(
        IHost host, int vcpus, ControlGuest? control, TimeSpan timeout, LinuxGuestParts parts, params string[] more)
    {
        var folder = await host.MakeFolderAsync();
        var guest = new LinuxGuest(host, folder, vcpus, parts, control, more);
        try
        {
            await host.RunAsync(
                $"cd {Shell.Quote(folder)} && cp {Shell.Quote(host.GuestKernel)} {Kernel} && cp {Shell.Quote(host.GuestInitramfs)} {Initrd}");
            if (more.Any(argument => argument.Contains(Disk, StringComparison.Ordinal)))
            {
                await parts.PutDiskAsync(host, guest.Image);
            }

            await parts.PutProgramAsync(host, guest._processes.Program);
            var first = guest.Process = await guest._processes.StartAsync();
            guest.Console = new ConsoleReader(await first.ConnectAsync(ConsoleSocket));
            guest.Qmp = await OpenQmpAsync(first);
            guest._up = (await guest.GiveTimeAsync("the boot", timeout, (limit, end) => guest.Console.WaitForLineAsync(IsUp, limit, end))).Number;
            guest.Note("booted");
            return guest;
        }
        catch
        {
            await TestContext.Out.WriteLineAsync(guest.Errors);
            await guest.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a shell command in the guest, which must succeed.</summary>
    /// <param name="command">The command.</param>
    /// <param name="timeout">How long it may take; that of one answer if nothing is said.</param>
    /// <returns>What it printed.</returns>
    internal async Task<string> RunAsync(string command, TimeSpan? timeout = null)
    {
        var result = await GiveTimeAsync($"`{command}` in the guest", timeout ?? Timeouts.Answer, (limit, end) => Console.RunAsync(command, limit, end));
        Assert.That(result.Status, Is.Zero, $"`{command}` in the guest: {result.Output}");
        return result.Output;
    }

    /// <summary>How many records its writer has reported as saved on its disk, once there is one.</summary>
    internal async Task<int> SavedAsync() => int.Parse(
        await RunAsync("until [ -s /tmp/saved ]; do usleep 10000; done; cat /tmp/saved"), CultureInfo.InvariantCulture);

    /// <summary>The lines of the kernel's log that match an extended regular expression, whatever their case.</summary>
    internal async Task<string> KernelLogAsync(string pattern) => await RunAsync($"dmesg | grep -iE {Shell.Quote(pattern)} || true");

    /// <summary>Waits for some pulse lines and judges all since the guest came up.</summary>
    internal async Task<PulseVerdict> JudgeAsync()
    {
        await TickAsync(TicksBetween);
        var verdict = PulseVerdict.Of(Console.Lines.Where(line => line.Number > _up), _hops, _control?.Pulse);
        await TestContext.Out.WriteLineAsync(verdict.ToString());
        if (!verdict.Holds)
        {
            await TestContext.Out.WriteLineAsync($"hops: {string.Join(' ', _hops)}\n{string.Join('\n', Console.Ticks)}");
        }

        return verdict;
    }

    /// <summary>Starts a program in the guest that shows its clocks; see <see cref="ReadClocksAsync"/>.</summary>
    internal Task ShowClocksAsync() => RunAsync("clocks show > /dev/null 2>&1 &");

    /// <summary>Compares the guest's clocks with the host's.</summary>
    internal async Task<ClockDistance> ReadClocksAsync()
    {
        string files = $"/proc/{Process.Pid}/fd/*";
        var result = await _host.RunAsync(
            $"for file in {files}; do case $(readlink $file) in *memory-backend-memfd*) exec {Shell.Quote(_host.ClockReader)} read $file;; esac; done; exit 1");
        return ClockDistance.Parse(result);
    }

    /// <summary>Updates to a new process and ends the old one; what each says is checked.</summary>
    /// <param name="form">How the update is requested.</param>
    /// <param name="ticksBetween">How long the guest runs before it, in pulse lines.</param>
    /// <returns>The pause.</returns>
    internal async Task<TimeSpan> HopAsync(UpdateForm form, int ticksBetween = TicksBetween)
    {
        var (old, asked) = (Process, Qmp);
        var successor = await AwaitGuestAsync(form, ticksBetween);
        var before = Console.LastTick;
        await successor.AskAsync(asked);
        var account = await ExpectCompletedAsync(asked);
        Assert.That(await StatusAsync(asked), Is.EqualTo("postmigrate"));
        Note($"{successor.Update}: completed");
        await AdoptAsync(successor, before);

        Note($"{successor.Update}: the old process {old.Pid} is asked to quit");
        await asked.ExecuteAsync("quit");
        Assert.That(await old.Exited.WaitAsync(Timeouts.Answer), Is.Zero, old.Errors);
        Note($"{successor.Update}: the old process has ended");
        await asked.DisposeAsync();
        return PauseOf(account);
    }

    /// <summary>Starts a process that waits for the guest, and prepares both for the update.</summary>
    /// <param name="form">How the update will be requested.</param>
    /// <param name="ticksBetween">How long the guest runs before it, in pulse lines.</param>
    internal async Task<Successor> AwaitGuestAsync(UpdateForm form, int ticksBetween = TicksBetween)
    {
        string update = $"update {++_updates}";
        var route = new UpdateRoute($"{_processes.Count}");
        var process = await _processes.StartAsync(route.Listening(form));
        var monitor = await process.OpenMonitorAsync();
        Assert.That(await monitor.ExecuteAsync("info status"), Is.EqualTo("VM status: paused (inmigrate)\n"));
        Note($"{update}: the new process {process.Pid} waits");
        await TickAsync(ticksBetween);
        await PrepareAsync();
        foreach (string wait in WaitsOfNew)
        {
            Assert.That(await monitor.ExecuteAsync($"migrate_set_parameter {wait} {WaitMilliseconds}"), Is.Empty);
        }

        Note($"{update}: requested next");
        return new Successor(update, process, monitor, route, form);
    }

    /// <summary>The guest has gone over: from now on the process that waited for it is the guest's, and that is checked.</summary>
    /// <param name="successor">That process.</param>
    /// <param name="before">The last tick before the update was requested.</param>
    internal async Task AdoptAsync(Successor successor, long before)
    {
        await GoesOnAsync(before);
        Assert.That(await successor.Monitor.ExecuteAsync("info status"), Is.EqualTo("VM status: running\n"));
        (Process, _monitor) = (successor.Process, successor.Monitor);
        Qmp = await OpenQmpAsync(Process);
        Assert.That(await StatusAsync(Qmp), Is.EqualTo("running"));
    }

    /// <summary>Has the process become another program by exec, with the same command line and a name; process and sessions stay, and that is checked.</summary>
    /// <param name="ticksBetween">How long the guest runs before it, in pulse lines.</param>
    /// <returns>The pause.</returns>
    internal async Task<TimeSpan> ReplaceAsync(int ticksBetween = TicksBetween)
    {
        string update = $"update {++_updates}";
        string[] command = _processes.Command("-name", update);
        _monitor ??= await Process.OpenMonitorAsync();
        await TickAsync(ticksBetween);
        await PrepareAsync();
        await Qmp.ExecuteAsync(
            "migrate-set-parameters",
            new JsonObject { ["mode"] = "cpr-exec", ["cpr-exec-command"] = new JsonArray([.. command.Select(word => JsonValue.Create(word))]) });
        Note($"{update}: requested next, by exec");
        long before = Console.LastTick;
        await Qmp.ExecuteAsync("migrate");
        var account = await ExpectCompletedAsync(Qmp);
        Note($"{update}: completed");

        // It holds the start of a program, which takes the longer the busier the host is.
        await GoesOnAsync(before, PauseOf(account));
        Assert.That(await StatusAsync(Qmp), Is.EqualTo("running"));
        Assert.That((await Qmp.ExecuteAsync("query-name")).GetProperty("name").GetString(), Is.EqualTo(update));
        Assert.That(Qmp.Others, Is.Empty, "what came on the session that is neither an event nor a reply, such as a greeting");
        Assert.That(await _monitor.ExecuteAsync("info status"), Is.EqualTo("VM status: running\n"));
        Assert.That(await _host.RunAsync($"tr '\\0' '\\n' < /proc/{Process.Pid}/cmdline"), Does.EndWith($"\n{update}\n"), "the program of the same process");
        await ExpectNoOtherProcessAsync();
        return PauseOf(account);
    }

    /// <summary>Waits until the process that has the guest is the only one that was started for it and is left; once the guest is off, none is.</summary>
    internal Task ExpectNoOtherProcessAsync() => _processes.ExpectNoneButAsync(Process.Exited.IsCompleted ? null : Process);

    /// <summary>The guest was interrupted and runs again: waits for a few ticks, and has its pulse judged from there anew.</summary>
    /// <param name="before">The last tick before.</param>
    /// <param name="pause">How long it is known to have been stopped, if that is not to be judged.</param>
    internal async Task GoesOnAsync(long before, TimeSpan pause = default)
    {
        // What comes first may have been written before the interruption.
        await TickAsync(TicksInFlight);
        _hops.Add(new Interruption(before, Console.LastTick, pause));
    }

    /// <summary>The observer of a process's steps, which each process of a guest whose program reports them has.</summary>
    internal HostStepObserver StepsOf(VmmProcess process) => _processes.StepsOf(process);

    /// <summary>Saves the guest, ends its process, and has another one restore it and let it run.</summary>
    /// <param name="to">Where it is saved, in the guest's folder.</param>
    /// <param name="from">Where it is restored from.</param>
    /// <returns>The console of before; <see cref="Console"/> is another one.</returns>
    internal async Task<ConsoleReader> StandByAsync(string to, string from)
    {
        var (console, process) = (Console, Process);
        await Qmp.ExecuteAsync("migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": true}]}""");
        await Qmp.ExecuteAsync("stop");
        await Qmp.ExecuteAsync("migrate", $$"""{"uri": "{{to}}"}""");
        var account = await ExpectCompletedAsync(Qmp);
        await TestContext.Out.WriteLineAsync($"saved to {to}: {account.GetProperty("ram").GetRawText()}");
        await Qmp.ExecuteAsync("quit");
        Assert.That(await process.Exited.WaitAsync(Timeouts.Answer), Is.Zero, process.Errors);
        await console.Closed.WaitAsync(Timeouts.Answer);
        await Qmp.DisposeAsync();

        (Process, _monitor) = (await _processes.StartAsync("-incoming", from), null);
        Console = new ConsoleReader(await Process.ConnectAsync(ConsoleSocket));
        Qmp = await OpenQmpAsync(Process);
        using var deadline = new CancellationTokenSource(Timeouts.Boot);
        while (await StatusAsync(Qmp) == "inmigrate")
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), deadline.Token);
        }

        Assert.That(await StatusAsync(Qmp), Is.EqualTo("paused"));
        await Qmp.ExecuteAsync("cont");
        _up = -1;
        BeginAnew("restored");
        await TickAsync(TicksInFlight);
        return console;
    }

    /// <summary>Does what makes the guest reboot, and waits until its init runs again.</summary>
    internal async Task RebootAsync(Func<Task> order)
    {
        var clock = Stopwatch.StartNew();
        _up = (await GiveTimeAsync("the reboot", Timeouts.Boot, async (limit, end) =>
        {
            var up = Console.WaitForNextLineAsync(IsUp, limit, end);
            await order();
            return await up;
        })).Number;
        await TestContext.Out.WriteLineAsync($"rebooted in {clock.Elapsed.TotalSeconds:0.0} s");
        BeginAnew("rebooted");
    }

    /// <summary>Waits for an event that the guest brings about.</summary>
    internal Task<QmpEvent> WaitForEventAsync(string name) =>
        GiveTimeAsync(name, Timeouts.Answer, (limit, end) => Qmp.WaitForEventAsync(name, timeout: limit, cancellation: end));

    /// <summary>Deletes the files that the guest was booted from.</summary>
    internal Task DeleteKernelAsync() => _host.RunAsync($"cd {Shell.Quote(_folder)} && rm {Kernel} {Initrd}");

    public async ValueTask DisposeAsync()
    {
        await _processes.DisposeAsync();
        if (Qmp is not null)
        {
            await Qmp.DisposeAsync();
        }

        if (Console is not null)
        {
            await Console.DisposeAsync();
        }

        await _host.TryRunAsync($"rm -rf {Shell.Quote(_folder)}");
    }

    private Task<Tick> TickAsync(int count) =>
        GiveTimeAsync($"{count} ticks", Timeouts.Boot, (limit, end) => Console.WaitForTicksAsync(count, limit, end));

    /// <summary>Waits for something that the guest does, or that is done to it.</summary>
    /// <param name="what">What it is, for the message.</param>
    /// <param name="time">How long it may take on a host that is not busy.</param>
    /// <param name="wait">Begins to wait, with a limit and until it is cancelled.</param>
    internal Task<T> GiveTimeAsync<T>(string what, TimeSpan time, Func<TimeSpan, CancellationToken, Task<T>> wait) =>
        _control is null ? wait(time, CancellationToken.None) : _control.GiveTimeAsync(what, time, wait);

    /// <summary>What was done before says nothing about what the console says from here on.</summary>
    private void BeginAnew(string step)
    {
        _hops.Clear();
        _story.Clear();
        Note(step);
    }

    private void Note(string step) => _story.Add(Console.Lines.Count, step);

    // A reboot may cut a line short; the new boot's first line then stands behind the stump.
    private static bool IsUp(string line) => line.EndsWith("guest: up", StringComparison.Ordinal);

    private static async Task<string> StatusAsync(QmpClient qmp) => (await qmp.ExecuteAsync("query-status")).GetProperty("status").GetString()!;

    private static Task<QmpClient> OpenQmpAsync(VmmProcess process) => process.OpenQmpAsync(QmpSocket);

    /// <summary>Has the process report how a migration goes, and be patient.</summary>
    private async Task PrepareAsync()
    {
        await Qmp.ExecuteAsync("migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": true}]}""");
        await Qmp.ExecuteAsync("migrate-set-parameters", $"{{{string.Join(", ", WaitsOfOld.Select(wait => $"\"{wait}\": {WaitMilliseconds}"))}}}");
    }

    private static async Task<JsonElement> ExpectCompletedAsync(QmpClient qmp)
    {
        string ended = await qmp.WaitForMigrationAsync("completed", "failed", "cancelled");
        var account = await qmp.ExecuteAsync("query-migrate");
        Assert.That(ended, Is.EqualTo("completed"), account.GetRawText());
        return account;
    }

    private static TimeSpan PauseOf(JsonElement account) => TimeSpan.FromMicroseconds(account.GetProperty("cpr").GetProperty("pause").GetInt64());
}
