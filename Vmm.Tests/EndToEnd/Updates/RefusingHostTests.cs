using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A host that gives nothing more once the processes are started: their monitors serve, updates go through, and they can be ended.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RefusingHostTests : UpdateTest
{
    private const int Clients = 100;
    private const string Monitor = "clients.qmp";

    /// <summary>A device with a queue, and so a thread that serves it.</summary>
    private static readonly string[] Queue = ["-device", "virtio-rng-device"];

    private readonly UpdateRoute _route = new("refusing");

    [Test]
    [Promise(47)]
    public Task Without_threads_monitors_serve_and_the_guest_goes_over() => ServeAndUpdateAsync(RefusedCalls.Again, RefusedCalls.Clone);

    [Test]
    [Promise(47)]
    public Task Without_epoll_monitors_serve_and_the_guest_goes_over() => ServeAndUpdateAsync(RefusedCalls.NoSpace, RefusedCalls.EpollControl);

    [Test]
    [Promise(47)]
    public async Task Serving_an_update_and_clients_makes_no_thread()
    {
        var old = await BootAsync("smp", ["-smp", "2", .. Queue, .. TinyMachine.Monitor(Monitor)]);
        string[] before = Threads(old);
        var successor = await AwaitGuestAsync(_route);
        string[] waiting = Threads(successor);
        await ServeAsync(old);

        await _route.AskAsync(old.Qmp);
        await ExpectHandoverAsync(old, successor);
        await ServeAsync(successor);

        Assert.That(Threads(old), Is.SubsetOf(before));
        Assert.That(Threads(successor), Is.EqualTo(waiting));
    }

    private async Task ServeAndUpdateAsync(int error, int[] calls)
    {
        var refused = new RefusedCalls(Folder, error, calls);
        var arguments = TinyMachine.Silent("counter").With([.. Queue, .. TinyMachine.Monitor(Monitor)]);
        var old = await StartGenerationAsync(refused.Running(Program), arguments, []);
        var successor = await StartGenerationAsync(refused.Running(Program), arguments, _route.Listening());
        Assert.That(await successor.StatusAsync(), Is.EqualTo("inmigrate"));
        refused.Begin();

        await ServeAsync(old);
        await _route.AskAsync(old.Qmp);
        await ExpectHandoverAsync(old, successor);
        await ServeAsync(successor);

        Assert.That(await successor.StatusAsync(), Is.EqualTo("running"));
        await QuitAsync(old);
        await QuitAsync(successor);
    }

    /// <summary>Serves one client after the other, at the monitor that goes over with the guest.</summary>
    private static async Task ServeAsync(Generation generation)
    {
        for (int i = 0; i < Clients; i++)
        {
            await using var client = await generation.Process.OpenQmpAsync(Monitor);
            Assert.That((await client.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
        }
    }

    /// <summary>The numbers of a process's own threads; the kernel runs one of KVM's under its number too.</summary>
    private static string[] Threads(Generation generation) =>
    [
        .. Directory.EnumerateDirectories($"/proc/{generation.Process.Pid}/task")
            .Where(task => !File.ReadAllText($"{task}/comm").StartsWith("kvm-", StringComparison.Ordinal))
            .Select(task => Path.GetFileName(task))
            .Order(StringComparer.Ordinal),
    ];
}
