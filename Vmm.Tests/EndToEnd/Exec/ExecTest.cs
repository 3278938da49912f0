using System.Globalization;
using System.Text.Json.Nodes;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Updates;
using Vmm.Tests.Faults;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>A test with one process, which becomes other programs; its guest counts on standard output, which all of them have.</summary>
public abstract class ExecTest : EndToEndTest
{
    private const string Console = "console";

    /// <summary>The guest: one that counts.</summary>
    private protected virtual string TinyGuest => "ticker";

    /// <summary>The guest's process.</summary>
    private protected Generation Guest { get; private set; } = null!;

    /// <summary>The command line of the guest's process.</summary>
    private protected string[] Command { get; set; } = [];

    /// <summary>How long a program may take until it has the guest, in milliseconds: by default so long that a busy host keeps it.</summary>
    private protected int LoadTimeout { get; set; } = 20_000;

    /// <summary>What the program finds in its environment besides what this one has: a shell's assignments, which may name the process as $$.</summary>
    private protected string Variables { get; set; } = "";

    /// <summary>What leads a shell to the program and its arguments.</summary>
    private protected virtual string Launch => "exec \"$0\" \"$@\"";

    /// <summary>What the guest has written, whichever program ran it.</summary>
    private protected string Written => File.ReadAllText(InFolder(Console));

    /// <summary>Boots a guest that counts.</summary>
    private protected Task BootAsync(params string[] more) => BootAsync(sharesRam: true, more);

    /// <summary>Boots a guest that counts, with RAM that may cross, or with RAM that may not; one that is started paused is continued.</summary>
    private protected async Task BootAsync(bool sharesRam, params string[] more)
    {
        string[] machine = [.. TinyMachine.Silent(TinyGuest)];
        ArgumentList arguments = new ArgumentList().With(sharesRam ? machine : machine.Select(word => word.Replace("share=on", "share=off", StringComparison.Ordinal)))
            .With(TinyMachine.Monitor(TinyMachine.Qmp)).With("-debugcon", "stdio", "-pidfile", "pid").With(more);
        Command = [ProgramFixture.Program, .. arguments];
        Keep(new NamedProcess(InFolder("pid")));
        var process = await StartAsync(["/bin/sh", "-c", $"{Variables} {Launch} > {Console}", ProgramFixture.Program], arguments);
        Guest = new Generation(process, await OpenQmpAsync(process));
        await Guest.Qmp.ExecuteAsync("migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": true}]}""");
        await Guest.Qmp.ExecuteAsync("cont");
        await CountsAsync();
    }

    /// <summary>Another process has the guest.</summary>
    private protected void Become(Generation other) => Guest = other;

    /// <summary>Asks the process to become another program; whether it does is not waited for.</summary>
    private protected async Task AskAsync(params string[] command)
    {
        await SetAsync(command);
        await Guest.Qmp.ExecuteAsync("migrate");
    }

    /// <summary>Says which program it is to become.</summary>
    private protected Task SetAsync(params string[] command) => Guest.Qmp.ExecuteAsync("migrate-set-parameters", Settings(command));

    /// <summary>The mode, a program, and how long that may take, as parameters.</summary>
    private protected JsonObject Settings(params string[] command) => new()
    {
        ["mode"] = "cpr-exec",
        ["cpr-exec-command"] = new JsonArray([.. command.Select(word => JsonValue.Create(word))]),
        ["cpr-load-timeout"] = LoadTimeout,
    };

    /// <summary>Has the process become a program with the same command line, and waits until that has the guest.</summary>
    private protected Task HopAsync() => HopAsync(Command);

    /// <summary>Has the process become another program, and waits until that has the guest.</summary>
    private protected async Task HopAsync(string[] command)
    {
        await Guest.Qmp.ExecuteAsync("migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": true}]}""");
        await AskAsync(command);
        await Guest.ExpectAsync("completed");
        await CountsAsync();
    }

    /// <summary>Waits until the guest has counted on.</summary>
    private protected async Task CountsAsync()
    {
        long before = new FileInfo(InFolder(Console)).Length;
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (new FileInfo(InFolder(Console)).Length < before + 4)
        {
            await Task.Delay(5, deadline.Token);
        }
    }

    /// <summary>The numbers of a process's children, zombies among them.</summary>
    private protected static string[] Children(int process) => [.. Directory.GetDirectories($"/proc/{process}/task").SelectMany(ChildrenOfThread)];

    /// <summary>Waits until the process has closed the descriptors of its children: the keeper, and the holder of the address space before.</summary>
    private protected async Task SettleAsync()
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (ProcessFiles.HasPidFd(Guest.Process))
        {
            await Task.Delay(5, deadline.Token);
        }
    }

    /// <summary>The guest counted without a gap, and nothing twice.</summary>
    private protected void AssertWhole() => Assert.That(GuestCount.Deviation(Written), Is.Null);

    /// <summary>Opens a session with the process that has the guest: those with one that ended have ended with it.</summary>
    private protected async Task<QmpClient> ReopenAsync() =>
        Keep(await QmpClient.OpenAsync(await Host.ConnectAsync(InFolder(TinyMachine.Qmp), CancellationToken.None), negotiate: true));

    private static string[] ChildrenOfThread(string task)
    {
        try
        {
            return File.ReadAllText($"{task}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (IOException)
        {
            // The thread has ended.
            return [];
        }
    }

    /// <summary>The process that the pid file names.</summary>
    private protected int ProcessId => int.Parse(File.ReadAllText(InFolder("pid")), CultureInfo.InvariantCulture);

    /// <summary>A script that runs the first of two shell commands when the program is asked, and the second one when it is to take the guest.</summary>
    private protected async Task<string[]> AskedAndTakingAsync(string asked, string taking)
    {
        string script = InFolder("program.sh");
        File.WriteAllText(script, $"#!/bin/sh\nif mkdir asked 2>/dev/null; then\n{asked}\nelse\n{taking}\nfi\n");
        await Host.RunAsync($"chmod +x {Shell.Quote(script)}");
        return [script, .. Command];
    }
}
