using Vmm.Core.Backends.Net;
using Vmm.Core.Native;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>The program behind a netdev of kind user on its way from process to process, with a script in its place.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PasstUpdateTests : PasstTest
{
    [Test]
    public void It_goes_on_in_the_next_process_which_ends_it()
    {
        var old = Started(User(Echo));
        var oldDevice = Device(old);
        int id = old.ProcessId;
        Assert.That(old.Export().Select(d => d.Name), Is.EqualTo((string[])["netdev/n0/connection", "netdev/n0/program"]));
        var next = User(Echo);
        StreamDevice? device = null;

        StreamBench.HandOver(old, oldDevice, next, () => device = Bench.Keep(new StreamDevice(next)));

        device!.Send(Frame(2));
        Assert.That(device.Take(), Is.EqualTo(Frame(2)));
        old.Dispose();
        Assert.That(Directory.Exists($"/proc/{id}"), Is.True, "the guest has it");
        next.Dispose();
        Bench.WaitFor(() => !Directory.Exists($"/proc/{id}"), "it has ended, and its parent has waited for it");
    }

    [Test]
    public void One_that_dies_after_an_update_is_started_again_by_the_process_with_the_guest()
    {
        var old = Started(User(Echo));
        int id = old.ProcessId;
        var next = User(Echo);
        StreamBench.HandOver(old, null, next);
        var device = Device(next);

        Send(id, Signal.Kill);
        Bench.WaitFor(() => next.ProcessId != 0 && next.IsConnected, "the next one is started");
        device.Send(Frame(3));

        Assert.That(device.Take(), Is.EqualTo(Frame(3)));
        Assert.That(Bench.Log.Lines, Has.Some.StartsWith($"netdev 'n0': {Script} has ended;").Or.Some.StartsWith($"netdev 'n0': {Script} was ended by signal 9;"), "here both are its parent");
        Bench.WaitFor(() => !Directory.Exists($"/proc/{id}"), "its parent has waited for it");
    }

    [Test]
    public void One_that_dies_during_an_update_is_found_afterwards_by_either_process([Values] bool fails)
    {
        var old = Started(User(Echo));
        var oldDevice = Device(old);
        int id = old.ProcessId;
        var next = User(Echo);
        using (var crossed = StreamBench.Cross(old))
        {
            old.Quiesce();
            Send(id, Signal.Kill);
            Bench.WaitFor(() => File.ReadAllText($"/proc/{id}/stat").Contains(") Z ", StringComparison.Ordinal), "it is dead");
            next.Adopt(crossed);
        }

        Bench.Loop.TurnAsync().Wait();
        Assert.That((old.ProcessId, old.IsConnected), Is.EqualTo((id, true)), "nothing changes on the way");
        oldDevice.Stop();
        var owner = fails ? old : next;
        (fails ? next : old).Release();
        owner.Start();

        Bench.WaitFor(() => owner.ProcessId != id && owner.IsConnected, "it is started again");
        Bench.WaitFor(() => !Directory.Exists($"/proc/{id}"), "its parent has waited for it");
    }

    [Test]
    [Promise(54)]
    public void One_that_dies_while_an_update_waits_is_started_again_in_each_process([Values] bool fails)
    {
        var old = Started(User(Echo));
        var oldDevice = Device(old);
        int id = old.ProcessId;
        var next = User(Echo);
        using (var crossed = StreamBench.Cross(old))
        {
            next.Adopt(crossed);
        }

        Send(id, Signal.Kill);
        Bench.WaitFor(() => old.ProcessId != id && old.IsConnected, "it is started again while the update waits");
        int second = old.ProcessId;
        oldDevice.Send(Frame(1));
        Assert.That(oldDevice.Take(), Is.EqualTo(Frame(1)));
        Assert.That(Directory.Exists($"/proc/{id}"), Is.False, "nothing is left of the first one");

        old.Quiesce();
        if (fails)
        {
            next.Release();
            old.Start();
            oldDevice.Send(Frame(2));
            Assert.That((oldDevice.Take(), old.ProcessId), Is.EqualTo((Frame(2), second)));
            return;
        }

        oldDevice.Stop();
        var device = Device(next);
        next.Start();
        old.Release();
        Bench.WaitFor(() => next.ProcessId != 0 && next.IsConnected, "the next process starts its own");
        Bench.WaitFor(() => !Directory.Exists($"/proc/{second}"), "the one that did not cross is ended");
        device.Send(Frame(3));
        Assert.That(device.Take(), Is.EqualTo(Frame(3)));
    }

    [Test]
    public void What_was_listed_for_the_next_process_stays_open_until_the_update_has_ended()
    {
        var old = Started(User(Echo));
        int id = old.ProcessId;
        var listed = old.Export().Select(descriptor => descriptor.Handle).ToList();

        Send(id, Signal.Kill);
        Bench.WaitFor(() => old.ProcessId != id && old.IsConnected, "it is started again");

        Assert.That(listed.Select(handle => handle.IsClosed), Is.EqualTo((bool[])[false, false]));
        old.Start();
        Assert.That(listed.Select(handle => handle.IsClosed), Is.EqualTo((bool[])[true, true]));
    }

    [Test]
    public void A_stop_does_not_wait_for_a_program_that_is_being_started()
    {
        using var begins = new ManualResetEventSlim();
        using var goesOn = new ManualResetEventSlim();
        SupervisedProgram? late = null;
        int starts = 0;
        _ = User(Echo);
        var user = Started(Bench.Keep(new UserNetdev(new UserNetdevConfiguration("n0"), Bench.Loop, Bench.Log)
        {
            Program = Script,
            FirstPause = TimeSpan.FromMilliseconds(20),
            ReadyLimit = TimeSpan.FromMilliseconds(50),
            StartProgram = (program, arguments) =>
            {
                var started = PasstProgram.Start(program, arguments);
                if (++starts == 2)
                {
                    late = started.Program;
                    begins.Set();
                    goesOn.Wait(TimeSpan.FromSeconds(30));
                }

                return started;
            },
        }));
        Send(user.ProcessId, Signal.Kill);
        Assert.That(begins.Wait(TimeSpan.FromSeconds(30)), Is.True, "it is being started again");

        var stop = Task.Run(user.Quiesce);
        bool isStopped = stop.Wait(TimeSpan.FromSeconds(10));
        goesOn.Set();
        stop.Wait();
        Assert.That(isStopped, Is.True, "the stop came through before the start did");
        Bench.WaitFor(() => !Directory.Exists($"/proc/{late!.ProcessId}"), "what came too late is ended");

        user.Start();
        Bench.WaitFor(() => user.IsConnected && user.ProcessId != 0, "the guest stays, and another one is started");
    }

    [Test]
    public void A_process_that_does_not_get_the_guest_leaves_it_running()
    {
        var old = Started(User(Echo));
        var device = Device(old);
        var next = User(Echo);
        using (var crossed = StreamBench.Cross(old))
        {
            next.Adopt(crossed);
        }

        next.Dispose();
        old.Start();
        device.Send(Frame(1));

        Assert.That(device.Take(), Is.EqualTo(Frame(1)));
    }
}
