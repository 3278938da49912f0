using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Running;

/// <summary>Signals that mean nothing to the process and must not end it: it may own a guest.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ProcessSignalTests : EndToEndTest
{
    /// <summary>
    /// SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGTERM end a process by request; SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS say that it is broken;
    /// SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU stop it; signal 32 is glibc's, which may not be touched.
    /// </summary>
    private static readonly int[] Meaningful = [1, 2, 3, 9, 15, 4, 5, 6, 7, 8, 11, 31, 19, 20, 21, 22, 32];

    [Test]
    [Promise(46)]
    public async Task No_signal_ends_it_but_those_meant_for_that()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter"));
        var qmp = await OpenQmpAsync(vmm);
        var ram = Keep(GuestRam.Of(vmm));

        foreach (int signal in Enumerable.Range(1, 64).Except(Meaningful))
        {
            Signal.Send(vmm, signal);
            await ram.WaitForProgressAsync();
            Assert.That((await qmp.ExecuteAsync("query-status")).GetProperty("running").GetBoolean(), $"after signal {signal}");
        }

        await StopsAndContinuesAsync(qmp, ram);
        Assert.That(vmm.Exited.IsCompleted, Is.False, vmm.Errors);
    }

    [Test]
    [Promise(46)]
    public async Task A_flood_of_signals_holds_up_neither_the_guest_nor_its_operator()
    {
        const int Kick = 10; // SIGUSR1
        const int Io = 29; // SIGIO
        var vmm = await StartAsync(TinyMachine.Booting("counter", "-serial", "file:serial.out"));
        var qmp = await OpenQmpAsync(vmm);
        var ram = Keep(GuestRam.Of(vmm));
        using var over = new CancellationTokenSource();
        var flood = Task.Run(() =>
        {
            while (!over.IsCancellationRequested)
            {
                Signal.Send(vmm, Kick);
                Signal.Send(vmm, Io);
            }
        });

        for (int i = 0; i < 20; i++)
        {
            await StopsAndContinuesAsync(qmp, ram);
        }

        await over.CancelAsync();
        await flood;
    }

    [Test]
    [Promise(46)]
    public async Task A_file_that_may_grow_no_further_loses_output_and_not_the_guest()
    {
        const int Limit = 64 << 10;
        var vmm = await StartAsync(TinyMachine.Booting("debugport", "-debugcon", "file:debug.out"));
        var qmp = await OpenQmpAsync(vmm);
        var ram = Keep(GuestRam.Of(vmm));
        await ram.WaitForProgressAsync();
        await Host.RunAsync($"prlimit --pid {vmm.Pid} --fsize={Limit}:{Limit}");

        await new GrowingFile(InFolder("debug.out")).WaitForLengthAsync(Limit);

        await ram.WaitForProgressAsync();
        await qmp.ExecuteAsync("system_reset");
        await StopsAndContinuesAsync(qmp, ram);
        await vmm.ErrorsWithAsync("output is lost: File too large");
    }

    [Test]
    public async Task A_parent_that_blocked_and_ignored_signals_changes_nothing()
    {
        var vmm = await StartAsync(
            ["env", "--block-signal=USR1", "--block-signal=TERM", "--ignore-signal=USR1", "--ignore-signal=TERM", ProgramFixture.Program],
            TinyMachine.Booting("counter"));
        var qmp = await OpenQmpAsync(vmm);
        await StopsAndContinuesAsync(qmp, Keep(GuestRam.Of(vmm)));

        await vmm.SignalAsync("TERM");

        Assert.That(await vmm.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
    }

    private static async Task StopsAndContinuesAsync(QmpClient qmp, GuestRam ram)
    {
        await qmp.ExecuteAsync("stop");
        ulong count = ram.Count;
        Assert.That((await qmp.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("paused"));
        Assert.That(ram.Count, Is.EqualTo(count));
        await qmp.ExecuteAsync("cont");
        await ram.WaitPastAsync(count);
    }
}
