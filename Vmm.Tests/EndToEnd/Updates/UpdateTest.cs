using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A test with a line of processes: the first boots a guest, each further one is started with the same arguments plus the update options.</summary>
public abstract class UpdateTest : EndToEndTest
{
    private ArgumentList _arguments = [];
    private int _started;

    /// <summary>The program that processes of the line are started from.</summary>
    internal string Program { get; set; } = ProgramFixture.Program;

    /// <summary>What each process of the line is started by, as by nsenter; nothing by default.</summary>
    internal IReadOnlyList<string> Enter { get; set; } = [];

    /// <summary>Boots a guest in the first process.</summary>
    internal Task<Generation> BootAsync(string guest, params string[] more) => BootAsync(TinyMachine.Silent(guest).With(more));

    /// <summary>Boots a guest with these arguments; a monitor is added.</summary>
    internal Task<Generation> BootAsync(ArgumentList arguments)
    {
        _arguments = arguments;
        return StartGenerationAsync([.. Enter, Program], arguments, []);
    }

    /// <summary>Starts a successor with the same arguments, and waits until it listens.</summary>
    internal Task<Generation> AwaitGuestAsync(UpdateRoute route, UpdateForm form = UpdateForm.CprUri, bool deferred = false) =>
        AwaitGuestAsync(_arguments, route.Listening(form, deferred));

    /// <summary>Starts a successor with other arguments, and waits until it listens.</summary>
    internal async Task<Generation> AwaitGuestAsync(ArgumentList arguments, params string[] update)
    {
        var successor = await StartGenerationAsync([.. Enter, Program], arguments, update);
        Assert.That(await successor.StatusAsync(), Is.EqualTo("inmigrate"));
        return successor;
    }

    /// <summary>Updates to a new process.</summary>
    internal async Task<Generation> HopAsync(Generation old, UpdateForm form = UpdateForm.CprUri)
    {
        var route = new UpdateRoute($"{_started}");
        var successor = await AwaitGuestAsync(route, form);
        await route.AskAsync(old.Qmp, form);
        await ExpectHandoverAsync(old, successor);
        return successor;
    }

    /// <summary>Waits until both processes say that the guest has gone over.</summary>
    internal static async Task ExpectHandoverAsync(Generation old, Generation successor)
    {
        await old.ExpectAsync("completed");
        await successor.ExpectAsync("completed");
        Assert.That(await old.StatusAsync(), Is.EqualTo("postmigrate"));
    }

    /// <summary>Waits until a process has been offered a guest: its vCPUs exist as threads before it says that it is ready.</summary>
    internal static async Task BusyAsync(Generation waiting)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!Directory.EnumerateFileSystemEntries($"/proc/{waiting.Process.Pid}/fd").Any(
            link => new FileInfo(link).LinkTarget?.Contains("kvm-vcpu", StringComparison.Ordinal) == true))
        {
            await Task.Delay(5, deadline.Token);
        }
    }

    /// <summary>Ends a process whose guest was handed over.</summary>
    internal static async Task QuitAsync(Generation generation)
    {
        await generation.Qmp.ExecuteAsync("quit");
        Assert.That(await generation.Process.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
    }

    /// <summary>Saves a stopped guest in mode normal, and waits until that is done.</summary>
    internal static async Task SaveAsync(Generation old, string uri)
    {
        await old.Qmp.ExecuteAsync("migrate", $$"""{"uri": "{{uri}}"}""");
        await old.ExpectAsync("completed");
    }

    /// <summary>Starts a process that restores the guest, and waits until it has it, paused.</summary>
    internal async Task<Generation> RestoreAsync(ArgumentList arguments, string uri)
    {
        var next = await StartGenerationAsync([.. Enter, Program], arguments, ["-incoming", uri]);
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (await next.StatusAsync() == "inmigrate")
        {
            await Task.Delay(5, deadline.Token);
        }

        Assert.That(await next.StatusAsync(), Is.EqualTo("paused"), next.Process.Errors);

        // What was reported of the restore is not waited for later, as the end of a save.
        while (next.Events.Any(line => line.StartsWith("MIGRATION ", StringComparison.Ordinal)))
        {
            await next.Qmp.WaitForEventAsync("MIGRATION");
        }

        return next;
    }

    /// <summary>Shortens the waits of an attempt, each to this many milliseconds.</summary>
    internal static Task SetTimeoutsAsync(Generation old, int milliseconds) => old.Qmp.ExecuteAsync(
        "migrate-set-parameters",
        $$"""
        {"cpr-connect-timeout": {{milliseconds}}, "cpr-plan-timeout": {{milliseconds}}, "cpr-ready-timeout": {{milliseconds}},
         "cpr-state-timeout": {{milliseconds}}, "cpr-load-timeout": {{milliseconds}}, "cpr-acknowledge-timeout": {{milliseconds}}}
        """);

    /// <summary>Shortens only the wait for the guest to be taken, in which it is stopped.</summary>
    internal static Task SetLoadTimeoutAsync(Generation old, int milliseconds) =>
        old.Qmp.ExecuteAsync("migrate-set-parameters", $$"""{"cpr-load-timeout": {{milliseconds}}}""");

    /// <summary>Starts a process of the line with a monitor of its own.</summary>
    /// <param name="command">What runs the program: the program itself, or a command line that ends with it.</param>
    /// <param name="arguments">What every process of the line gets.</param>
    /// <param name="update">What this one gets besides.</param>
    internal async Task<Generation> StartGenerationAsync(string[] command, ArgumentList arguments, string[] update)
    {
        string socket = $"{(char)('a' + _started++)}.qmp";
        var process = await StartAsync(command, arguments.With(TinyMachine.Monitor(socket)).With(update));
        var qmp = await OpenQmpAsync(process, socket);
        await qmp.ExecuteAsync("migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": true}]}""");
        return new Generation(process, qmp);
    }
}
