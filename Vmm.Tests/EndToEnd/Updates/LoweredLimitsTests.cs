using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>An operator, or a service manager, lowers a limit of processes that run: the guest stays, and what was refused works when it may again.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LoweredLimitsTests : UpdateTest
{
    private const string Monitor = "clients.qmp";
    private const string Gone = "gone";
    private const int Aborted = 128 + 6; // SIGABRT

    /// <summary>A process that gets no memory may collect garbage without an end until it gets some: it answers when the limit is lifted.</summary>
    private static readonly TimeSpan NoAnswer = TimeSpan.FromSeconds(5);

    private readonly UpdateRoute _route = new("lowered");

    private static IEnumerable<TestCaseData> Limits =>
        from limit in ResourceLimit.All
        from value in (ulong[])[0, 1]
        select new TestCaseData(limit, value).SetArgDisplayNames($"{limit.Name} {value}");

    [TestCaseSource(nameof(Limits))]
    [Promise(47)]
    public async Task A_guest_and_its_monitors_outlive_a_limit_and_an_update_under_it(ResourceLimit limit, ulong value)
    {
        var old = await BootAsync("counter", TinyMachine.Monitor(Monitor));
        var successor = await AwaitGuestAsync(_route);
        Task update;
        using (limit.Lower(old.Process, value))
        using (limit.Lower(successor.Process, value))
        {
            update = TryToUpdateAsync(old);
            await Task.WhenAny(update, Task.Delay(IsOfMemory(limit) ? NoAnswer : Timeouts.Answer));
        }

        // A session may not have outlived it, and never answer.
        await Task.WhenAny(update, Task.Delay(NoAnswer));

        await using (var client = await OpenMonitorAsync(old, successor, limit))
        {
            await RunningAsync(client);
        }

        string[] states = [await StatusAsync(old, "a.qmp", limit), await StatusAsync(successor, "b.qmp", limit)];
        Assert.That(states.Count(state => state == "running"), Is.EqualTo(1), string.Join(", ", states));
        Assert.That(states, Is.EqualTo(new[] { "running", "inmigrate" }).Or.EqualTo(new[] { "postmigrate", "running" })
            .Or.Contains(Gone));
        await EndAsync(old, limit);
        await EndAsync(successor, limit);
    }

    [TestCaseSource(nameof(Limits))]
    [Promise(47)]
    public async Task A_process_under_a_limit_can_be_ended(ResourceLimit limit, ulong value)
    {
        var vmm = await BootAsync("counter");
        using (limit.Lower(vmm.Process, value))
        {
            Signal.Send(vmm.Process, Signal.Terminate);
            Assert.That(await vmm.Process.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
        }
    }

    private static bool IsOfMemory(ResourceLimit limit) => limit.Name is "data size" or "address space";

    private async Task TryToUpdateAsync(Generation old)
    {
        try
        {
            await _route.AskAsync(old.Qmp);
            await old.Qmp.WaitForMigrationAsync("completed", "failed");
        }
        catch (Exception e) when (e is QmpException or TimeoutException or IOException)
        {
            // Refused at once; or the session did not outlive the limit. What has become of the guest is asked when there is none any more.
            TestContext.Out.WriteLine(e.Message);
        }
    }

    /// <summary>A session with the process that has the guest. The one that has it no more may be ended by its runtime, as in <see cref="StatusAsync"/>.</summary>
    private static async Task<QmpClient> OpenMonitorAsync(Generation old, Generation successor, ResourceLimit limit)
    {
        try
        {
            return await old.Process.OpenQmpAsync(Monitor);
        }
        catch (IOException e) when (IsOfMemory(limit) && old.Process.Exited.IsCompleted)
        {
            TestContext.Out.WriteLine(e.Message);
            return await successor.Process.OpenQmpAsync(Monitor);
        }
    }

    /// <summary>Waits until the guest runs, in whichever process accepts at the monitor that goes over.</summary>
    private static async Task RunningAsync(QmpClient client)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        string? status;
        while ((status = (await client.ExecuteAsync("query-status")).GetProperty("status").GetString()) != "running")
        {
            Assert.That(deadline.IsCancellationRequested, Is.False, $"who accepts at the monitor says '{status}' for {Timeouts.Answer.TotalSeconds} s");
            await Task.Delay(20);
        }
    }

    /// <summary>
    /// The run state, asked in a new session. The language runtime ends a process that gets no memory for its own bookkeeping; that can be the
    /// one without the guest only, or there would be none that runs it.
    /// </summary>
    private static async Task<string> StatusAsync(Generation generation, string socket, ResourceLimit limit)
    {
        await generation.Qmp.DisposeAsync();
        if (generation.Process.Exited.IsCompleted && IsOfMemory(limit))
        {
            return Gone;
        }

        try
        {
            await using var client = await generation.Process.OpenQmpAsync(socket);
            return (await client.ExecuteAsync("query-status")).GetProperty("status").GetString()!;
        }
        catch (IOException) when (IsOfMemory(limit))
        {
            // The runtime was ending it.
            await generation.Process.Exited.WaitAsync(Timeouts.Answer);
            return Gone;
        }
    }

    /// <summary>Asks a process to end. Its runtime may be at the end of its memory still, and abort.</summary>
    private static async Task EndAsync(Generation generation, ResourceLimit limit)
    {
        if (generation.Process.Exited.IsCompleted)
        {
            return;
        }

        Signal.Send(generation.Process, Signal.Terminate);
        int status = await generation.Process.Exited.WaitAsync(Timeouts.Answer);
        Assert.That(status, IsOfMemory(limit) ? Is.Zero.Or.EqualTo(Aborted) : Is.Zero);
    }
}
