using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>The two processes of an update may be in different pid namespaces, as in and out of a container: neither needs the other's number.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PidNamespaceTests : UpdateTest
{
    private static readonly string[] InNamespace = ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"];

    private readonly UpdateRoute _route = new("namespaces");

    [SetUp]
    public void RequireRoot() => OtherUser.RequireRoot();

    [TestCase(true, false, TestName = "An_update_out_of_a_pid_namespace")]
    [TestCase(false, true, TestName = "An_update_into_a_pid_namespace")]
    [TestCase(true, true, TestName = "An_update_from_one_pid_namespace_into_another")]
    public async Task Update(bool oldIsInside, bool newIsInside)
    {
        var old = await StartGenerationAsync(Command(oldIsInside), TinyMachine.Silent("counter"), []);
        var successor = await StartGenerationAsync(Command(newIsInside), TinyMachine.Silent("counter"), _route.Listening());
        Assert.That(await successor.StatusAsync(), Is.EqualTo("inmigrate"));

        await _route.AskAsync(old.Qmp);

        await ExpectHandoverAsync(old, successor);
        Assert.That(await successor.StatusAsync(), Is.EqualTo("running"));
    }

    /// <summary>Old does not see new's number, and sees all the same that it has ended.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public async Task The_end_of_a_new_process_outside_is_reported_and_no_number_that_means_nothing(bool afterwards)
    {
        var old = await StartGenerationAsync(Command(true), TinyMachine.Silent("counter"), []);
        var successor = await StartGenerationAsync(Command(false), TinyMachine.Silent("counter"), _route.Listening(deferred: !afterwards));
        await _route.AskAsync(old.Qmp);
        if (afterwards)
        {
            await ExpectHandoverAsync(old, successor);
        }
        else
        {
            await BusyAsync(successor);
        }

        await successor.Process.SignalAsync("KILL");
        await successor.Process.Exited.WaitAsync(Timeouts.Answer);

        if (!afterwards)
        {
            await old.ExpectAsync("failed");
        }

        string error = await ErrorAsync(old);
        Assert.That(
            error,
            afterwards
                ? Is.EqualTo("a process in another pid namespace, which had the guest, has ended")
                : Does.EndWith("; a process in another pid namespace has ended"));
        Assert.That(error, Does.Not.Contain("process 0"));
    }

    /// <summary>What is wrong, once the process that has ended is known to have.</summary>
    private static async Task<string> ErrorAsync(Generation old)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (true)
        {
            if ((await old.AccountAsync()).TryGetProperty("error-desc", out var error)
                && error.GetString()!.EndsWith("has ended", StringComparison.Ordinal))
            {
                return error.GetString()!;
            }

            await Task.Delay(5, deadline.Token);
        }
    }

    private string[] Command(bool isInside) => isInside ? [.. InNamespace, Program] : [Program];
}
