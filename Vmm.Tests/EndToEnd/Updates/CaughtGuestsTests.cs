using System.Globalization;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>
/// Guests that something is under way in when they are moved, and moved again: each says itself what became of it, once it is asked to continue.
/// </summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CaughtGuestsTests : UpdateTest
{
    private const int Lines = 1000;
    private static readonly string[] DebugOutput = ["-debugcon", "file:debug.out"];

    [Test]
    [Promise(22)]
    public async Task Interrupts_that_pend_in_the_8259_and_the_APIC_are_taken_once_in_the_last_process()
    {
        var (last, output) = await MoveAndReleaseAsync("pending-irq", [.. DebugOutput, "-serial", "null"]);
        await output.WaitForAsync("PA.");

        var ram = Keep(GuestRam.Of(last.Process));
        await HopAsync(last);
        await ram.WaitForProgressAsync();
        Assert.That(output.Text, Is.EqualTo("PA."), "a line that stays up is no further interrupt");
    }

    [Test]
    [Promise(22)]
    public async Task An_NMI_that_pends_behind_another_one_is_taken_once_when_that_is_over()
    {
        var (_, output) = await MoveAndReleaseAsync("pending-nmi", [.. DebugOutput, "-smp", "2"]);

        await output.WaitForAsync("112");
    }

    [Test, Description("KVM does not distinguish a timer that has fired from one whose interrupt is still on its way: docs/handover.md, Time.")]
    public async Task A_one_shot_timer_fires_once_more_in_each_process_that_the_guest_goes_to()
    {
        var generation = await BootAsync(TinyMachine.Silent("one-shot").With(DebugOutput));
        var output = new GrowingFile(InFolder("debug.out"));
        for (int fired = 1; fired <= 4; fired++)
        {
            await output.WaitUntilAsync(text => text.Count(c => c == 'L') >= fired && text.Count(c => c == 'P') >= fired, $"both timers, {fired} times");
            Assert.That(string.Concat(output.Text.Order()), Is.EqualTo(new string('L', fired) + new string('P', fired)));
            generation = await HopAsync(generation);
        }
    }

    [Test]
    public async Task A_TSC_deadline_that_has_passed_passes_once()
    {
        var generation = await BootAsync(TinyMachine.Silent("deadline").With(DebugOutput));
        var output = new GrowingFile(InFolder("debug.out"));
        await output.WaitForLengthAsync(1);
        if (output.Text == "-")
        {
            Assert.Ignore("SKIPPED: this host's processors have no such timer for their guests");
        }

        Assert.That(output.Text, Is.EqualTo("D"));
        var ram = Keep(GuestRam.Of(generation.Process));
        for (int hop = 0; hop < 3; hop++)
        {
            generation = await HopAsync(generation);
            await ram.WaitForProgressAsync();
        }

        Assert.That(output.Text, Is.EqualTo("D"));
    }

    [Test]
    [Promise(42)]
    public async Task Breakpoints_that_were_set_in_the_first_process_are_hit_in_the_last()
    {
        var (_, output) = await MoveAndReleaseAsync("breakpoints", DebugOutput);

        await output.WaitForAsync("0123.");
    }

    [Test]
    [Promise(42)]
    public async Task Vcpus_that_were_not_started_do_not_run_until_the_guest_starts_them()
    {
        var old = await BootAsync("late-cpus", "-smp", "4");
        var ram = Keep(GuestRam.Of(old.Process));
        await ram.WaitForProgressAsync();

        var successor = await HopAsync(old);
        uint stopped = ram.Slot(3);
        await ram.WaitForProgressAsync();
        successor = await HopAsync(successor);
        await ram.WaitForProgressAsync();

        Assert.That(stopped, Is.Positive);
        Assert.That((ram.Slot(1), ram.Slot(2), ram.Slot(3)), Is.EqualTo((0u, 0u, stopped)));
        ram.ReleaseGuest();
        await ram.WaitForProgressOfAllAsync(4);
        Assert.That(await successor.StatusAsync(), Is.EqualTo("running"));
    }

    [Test]
    [Promise(21)]
    public async Task Strings_that_a_guest_reads_by_REP_INSB_and_writes_by_REP_OUTSB_are_whole()
    {
        var generation = await BootAsync(
            "string-in", [.. DebugOutput, "-chardev", "socket,id=console,path=console.sock,server=on,wait=off", "-serial", "chardev:console"]);
        var output = new GrowingFile(InFolder("debug.out"));
        var typist = await generation.Process.ConnectAsync("console.sock");
        string typed = "";
        bool isCaught = false;
        for (int hop = 0; hop < 5; hop++)
        {
            var route = new UpdateRoute($"{hop}");
            var successor = await AwaitGuestAsync(route);
            string more = string.Concat(
                Enumerable.Range(hop * Lines, Lines).Select(line => line.ToString("d13", CultureInfo.InvariantCulture) + "\n"));
            var typing = typist.WriteAsync(System.Text.Encoding.ASCII.GetBytes(more));
            await output.WaitForLengthAsync(typed.Length + 1);
            typed += more;
            await route.AskAsync(generation.Qmp);
            await ExpectHandoverAsync(generation, successor);
            isCaught |= output.Bytes.Length < typed.Length;
            await typing;
            await output.WaitForLengthAsync(typed.Length);
            generation = successor;
        }

        await typist.DisposeAsync();
        Assert.That(output.Text, Is.EqualTo(typed));
        Assert.That(isCaught, "the guest was in the middle of its lines at least once");
    }

    /// <summary>Moves a guest twice while it waits, then lets it continue.</summary>
    /// <returns>The process that has it, and what it reports.</returns>
    private async Task<(Generation Last, GrowingFile DebugOutput)> MoveAndReleaseAsync(string guest, string[] more)
    {
        var generation = await BootAsync(guest, more);
        var ram = Keep(GuestRam.Of(generation.Process));
        for (int hop = 0; hop < 2; hop++)
        {
            await ram.WaitForProgressAsync();
            var old = generation;
            generation = await HopAsync(old);
            await QuitAsync(old);
        }

        await ram.WaitForProgressAsync();
        ram.ReleaseGuest();
        return (generation, new GrowingFile(InFolder("debug.out")));
    }
}
