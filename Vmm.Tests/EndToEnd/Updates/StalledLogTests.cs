// The reader of stderr stalls, the pipe is full, and there is something to say: by a guest that resets itself by triple faults as fast as it
// can, or by a client whose migrations fail. Nothing that the process owes its guest, its clients or its operator waits for that reader.

using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.Unit.Hosting;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A log that no process reads holds up nothing.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed partial class StalledLogTests : UpdateTest
{
    private static readonly string[] Stalled = ["/bin/sh", "-c", "exec \"$0\" \"$@\" 2>errors", ProgramFixture.Program];

    private SafeFileHandle _errors = null!;

    [SetUp]
    public void Stall()
    {
        Fifo.Make(InFolder("errors"));
        _errors = File.OpenHandle(InFolder("errors"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        while (FileDescriptor.WriteNow(_errors, new byte[4096]) != FileDescriptor.WouldBlock)
        {
        }
    }

    [TearDown]
    public void Close() => _errors.Dispose();

    [TestCase(false)]
    [TestCase(true)]
    [Promise(48)]
    public async Task A_guest_that_triple_faults_repeatedly_can_be_stopped_updated_and_ended(bool bySignal)
    {
        var old = await FallingAsync();
        var qmp = old.Qmp;
        await qmp.ExecuteAsync("stop");
        await qmp.ExecuteAsync("system_reset");
        await qmp.ExecuteAsync("cont");
        await ExpectResetsAsync(qmp, 2);

        var route = new UpdateRoute("deaf");
        using (DeafPeer.Listen(InFolder(route.Cpr)))
        {
            await route.AskAsync(qmp);
            await qmp.ExecuteAsync("migrate_cancel");
            await old.ExpectAsync("cancelled");
        }

        await ExpectResetsAsync(qmp, 2);
        if (bySignal)
        {
            await old.Process.SignalAsync("TERM");
        }
        else
        {
            await qmp.ExecuteAsync("quit");
        }

        Assert.That(await old.Process.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
    }

    [Test]
    [Promise(48)]
    public async Task A_guest_that_triple_faults_repeatedly_goes_over_though_neither_log_is_read()
    {
        var old = await FallingAsync();
        var route = new UpdateRoute("next");
        var successor = await StartGenerationAsync(Stalled, TinyMachine.Silent("triple-fault"), route.Listening());

        await route.AskAsync(old.Qmp);

        await ExpectHandoverAsync(old, successor);
        await ExpectResetsAsync(successor.Qmp, 2 * 10);
        await QuitAsync(old);
        await QuitAsync(successor);
    }

    [Test]
    [Promise(48)]
    public async Task A_client_whose_migrations_fail_holds_up_nothing()
    {
        const int Attempts = 576;
        var old = await StartGenerationAsync(Stalled, TinyMachine.Silent("counter"), []);
        var route = new UpdateRoute("deaf");
        using var deaf = DeafPeer.Listen(InFolder(route.Cpr));
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            await route.AskAsync(old.Qmp);
            (await deaf.AcceptAsync()).Dispose();
            await old.ExpectAsync("failed");
        }

        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
        await old.Qmp.ExecuteAsync("stop");
        await QuitAsync(old);
    }

    [Test]
    [Promise(48)]
    public async Task A_guest_that_triple_faults_repeatedly_writes_a_few_lines_and_a_count()
    {
        const int Falls = 300;
        var old = await BootAsync("triple-fault", "-D", "vmm.log");
        await ExpectResetsAsync(old.Qmp, Falls);
        await QuitAsync(old);

        string[] lines = new GrowingFile(InFolder("vmm.log")).Text.Split('\n')[..^1];
        int logged = lines.Count(line => line.EndsWith("warning: vCPU 0 shut down (a triple fault); the guest is reset", StringComparison.Ordinal));
        int counted = lines.Select(line => Suppressed().Match(line)).Where(match => match.Success)
            .Sum(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
        TestContext.Out.WriteLine($"{logged} lines logged, {counted} falls counted, {lines.Sum(line => line.Length + 1)} bytes");
        Assert.That(logged + counted, Is.GreaterThanOrEqualTo(Falls));
        Assert.That(lines, Has.Length.LessThan(60));
    }

    private async Task<Generation> FallingAsync()
    {
        var old = await StartGenerationAsync(Stalled, TinyMachine.Silent("triple-fault"), []);

        // More than are reported before the count begins.
        await ExpectResetsAsync(old.Qmp, 2 * 10);
        return old;
    }

    private static async Task ExpectResetsAsync(QmpClient qmp, int count)
    {
        for (int i = 0; i < count; i++)
        {
            await qmp.WaitForEventAsync("RESET");
        }
    }

    [GeneratedRegex(@"warning: (\d+) similar messages were suppressed: vCPU 0 shut down")]
    private static partial Regex Suppressed();
}
