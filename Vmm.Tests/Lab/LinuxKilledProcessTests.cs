using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Migration.Handover;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Lab;

/// <summary>
/// A Debian guest with every device, whose processes are killed in the middle of updates: the new one after each step before it has taken the guest,
/// the old one after each from which the guest goes over. Meanwhile the guest writes and fsyncs, and clients of its agent and its console stay connected.
/// </summary>
public sealed class LinuxKilledProcessTests() : LinuxGuestTest(Math.Min(2, HostSelector.ProcessorsForGuests), LinuxDevices.All)
{
    private static readonly HandoverStep[] Steps = Enum.GetValues<HandoverStep>();

    [Soak(1)]
    public Task Nothing_is_lost_and_no_client_is_disconnected(int times) => SkippingEmulatorFlawsAsync(async () =>
    {
        await using var agent = await GuestAgent.ConnectAsync(Guest);
        await using var terminal = await GuestTerminal.ConnectAsync(Guest);
        terminal.KeepTyping();
        agent.KeepAsking();
        int kills = 0;
        for (int time = 0; time < times; time++)
        {
            foreach (var step in Steps)
            {
                var form = kills++ % 2 == 0 ? UpdateForm.CprUri : UpdateForm.Channels;
                int before = await Guest.SavedAsync();
                await (step < HandoverStep.NewTaken ? KillNewAsync(form, step) : KillOldAsync(form, step));
                await terminal.PrintsAgainAsync();
                await agent.AnswersAgainAsync();
                Assert.That(await Guest.SavedAsync(), Is.GreaterThan(before), $"records saved since the update that was disturbed at {step}");
            }

            foreach (var step in Steps.Where(step => step is >= HandoverStep.OldEndSent and < HandoverStep.NewTaken))
            {
                await KillOldAsync(kills++ % 2 == 0 ? UpdateForm.CprUri : UpdateForm.Channels, step);
            }
        }

        await Guest.HopAsync(UpdateForm.CprUri);
        await agent.EndAsync();
        await terminal.EndAsync();
        int saved = await Guest.SavedAsync();
        Assert.That((await Guest.JudgeAsync()).Faults, Is.Empty);
        Assert.That(await Guest.KernelLogAsync(DeviceErrors), Is.Empty);
        await Guest.Qmp.ExecuteAsync("system_powerdown");
        await ExpectOffAsync();
        var verdict = await DiskVerdict.OfAsync(HostFixture.Host, Guest.Image, saved);
        await TestContext.Out.WriteLineAsync(
            $"{kills} processes killed; {agent.Answers} answers of the agent, {terminal.Received} lines printed, {terminal.Typed} bytes typed; {verdict}");
        Assert.That(verdict.Faults, Is.Empty);
    });

    /// <inheritdoc/>
    private protected override Task<LinuxGuestParts> MakePartsAsync()
    {
        string program = Repository.Path("out/vmm-faults");
        if (!File.Exists(program))
        {
            Assert.Ignore($"there is no {program}: run ./build faults");
        }

        return Task.FromResult(new LinuxGuestParts { Program = program, ReportsSteps = true });
    }

    /// <summary>Kills the new process when all steps up to one are done; the update fails, and the guest stays in old.</summary>
    private async Task KillNewAsync(UpdateForm form, HandoverStep step)
    {
        var (successor, before, asked) = await BeginAsync(form, step);
        await successor.Process.SignalAsync("KILL");
        Assert.That(await successor.Process.Exited.WaitAsync(Timeouts.Answer), Is.EqualTo(128 + 9));
        await Guest.StepsOf(Guest.Process).ReleaseAsync();
        await asked;
        Assert.That(await Guest.Qmp.WaitForMigrationAsync("completed", "failed", "cancelled"), Is.EqualTo("failed"), $"new was killed at {step}");
        string reason = (await Guest.Qmp.ExecuteAsync("query-migrate")).GetProperty("error-desc").GetString()!;
        await TestContext.Out.WriteLineAsync($"new killed at {step}: {reason}");
        await Guest.GoesOnAsync(before);
        Assert.That((await Guest.Qmp.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
    }

    /// <summary>Kills the old process when all steps up to one are done, of which the state's end is one; the guest runs in new.</summary>
    private async Task KillOldAsync(UpdateForm form, HandoverStep step)
    {
        var (old, session) = (Guest.Process, Guest.Qmp);
        var (successor, before, asked) = await BeginAsync(form, step);
        await old.SignalAsync("KILL");
        Assert.That(await old.Exited.WaitAsync(Timeouts.Answer), Is.EqualTo(128 + 9));
        await Guest.StepsOf(successor.Process).ReleaseAsync();
        try
        {
            await asked;
        }
        catch (IOException)
        {
            // The session ended with the process.
        }

        await session.DisposeAsync();
        await TestContext.Out.WriteLineAsync($"old killed at {step}");
        await Guest.AdoptAsync(successor, before);
    }

    /// <summary>Begins an update and returns when a step is done, with the process that has done it held there, and the other at a later step.</summary>
    /// <returns>The process that waits for the guest, the last tick before the update, and the command that requests it.</returns>
    private async Task<(Successor Successor, long Before, Task Asked)> BeginAsync(UpdateForm form, HandoverStep step)
    {
        var successor = await Guest.AwaitGuestAsync(form);
        var (old, next) = (Guest.StepsOf(Guest.Process), Guest.StepsOf(successor.Process));
        old.HoldFrom(step);
        next.HoldFrom(step);
        long before = Guest.Console.LastTick;
        var asked = successor.AskAsync(Guest.Qmp);
        await (Faults.Scene.IsOlds(step) ? old : next).WaitForAsync(step);
        return (successor, before, asked);
    }
}
