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
        using (limit.Lower(old.Process, value))
        using (limit.Lower(successor.Process, value))
        {
            await TryToUpdateAsync(old, limit);
        }

        await using (var client = await old.Process.OpenQmpAsync(Monitor))
        {
            await RunningAsync(client);
        }

        string[] states = [await StatusAsync(old, "a.qmp", limit), await StatusAsync(successor, "b.qmp", limit)];
        Assert.That(states.Count(state => state == "running"), Is.EqualTo(1), string.Join(", ", states));
        Assert.That(states, Is.EqualTo(new[] { "running", "inmigrate" }).Or.EqualTo(new[] { "postmigrate", "running" })
            .Or.Contains(Gone));
        await EndAsync(old);
        await EndAsync(successor);
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

    private async Task TryToUpdateAsync(Generation old, ResourceLimit limit)
    {
        async Task UpdateAsync()
        {
            await _route.AskAsync(old.Qmp);
            await old.Qmp.WaitForMigrationAsync("completed", "failed");
        }

        try
        {
            await UpdateAsync().WaitAsync(IsOfMemory(limit) ? NoAnswer : Timeouts.Answer);
        }
        catch (Exception e) when (e is QmpException or TimeoutException or IOException)
        {
            // Refused at once; or the session did not outlive the limit. What has become of the guest is asked when there is none any more.
            TestContext.Out.WriteLine(e.Message);
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

        await using var client = await generation.Process.OpenQmpAsync(socket);
        return (await client.ExecuteAsync("query-status")).GetProperty("status").GetString()!;
    }

    private static async Task EndAsync(Generation generation)
    {
        if (generation.Process.Exited.IsCompleted)
        {
            return;
        }

        Signal.Send(generation.Process, Signal.Terminate);
        Assert.That(await generation.Process.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
    }
}
