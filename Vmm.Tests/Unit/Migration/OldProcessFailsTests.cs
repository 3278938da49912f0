using Microsoft.Win32.SafeHandles;
using Vmm.Core.Hypervisors;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>The old process, played by hand, fails or lies at one step after another. The new process takes nothing and waits on.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class OldProcessFailsTests : IDisposable
{
    private static readonly string Itself = $"process {Environment.ProcessId}";

    private readonly HandoverFixture _fixture = new();
    private readonly MachineHost _source;
    private readonly MachineHost _new;

    public OldProcessFailsTests()
    {
        _source = _fixture.Old();
        _new = _fixture.Deferred();
        _new.Do(() => _new.Migrator.StartIncoming(new UnixAddress(_fixture.MainPath)));
    }

    public void Dispose() => _fixture.Dispose();

    [Test]
    public async Task A_peer_that_does_everything_right_hands_its_guest_over()
    {
        using var peer = new PeerAsOld(_fixture, _source);
        await peer.ConnectMain();
        await peer.StopGuest();
        Assert.That(peer.Baton.Offer(), Is.True);
        await peer.SayMain(peer.Frames());
        await peer.Cpr.Hear(MessageType.Taken);

        Assert.That(peer.Baton.IsHeldByNew, Is.True);
        await _new.Events.Of("completed");
        _fixture.AssertRunsIn(_new);
    }

    [Test]
    [Promise(5)]
    public async Task A_guest_is_taken_although_the_old_process_died_after_the_offer()
    {
        using var peer = new PeerAsOld(_fixture, _source);
        await peer.ConnectMain();
        await peer.StopGuest();
        peer.Baton.Offer();
        await peer.SayMain(peer.Frames());
        peer.Cpr.HangUp();
        peer.Main!.Dispose();

        await _new.Events.Of("completed");
        Assert.That(peer.Baton.IsHeldByNew, Is.True);
        _fixture.AssertRunsIn(_new);
    }

    [Test]
    [Promise(5)]
    public Task A_whole_state_without_an_offer_is_not_taken() => IsNotTaken(
        async peer =>
        {
            await peer.ConnectMain();
            await peer.SayMain(peer.Frames());
        },
        $"{Itself} kept the guest: it gave this attempt up before it was taken");

    [Test]
    [Promise(5)]
    public Task A_state_whose_baton_was_retired_is_not_taken() => IsNotTaken(
        async peer =>
        {
            await peer.ConnectMain();
            peer.Baton.Offer();
            Assert.That(peer.Baton.TakeBack(), Is.True);
            await peer.SayMain(peer.Frames());
        },
        "kept the guest");

    [Test]
    public Task An_attempt_that_is_abandoned_while_the_operator_thinks() => IsNotTaken(
        async peer =>
        {
            await peer.Prepare();
            await peer.Cpr.Say(MessageType.Abandoned);
        },
        $"{Itself} gave the attempt up");

    [Test]
    public Task A_peer_that_dies_before_it_opens_the_main_channel() => IsNotTaken(
        async peer =>
        {
            await peer.Prepare();
            peer.Cpr.HangUp();
        },
        $"{Itself} closed the cpr channel");

    [Test]
    public Task A_peer_that_talks_out_of_turn() => IsNotTaken(
        async peer =>
        {
            await peer.Prepare();
            await peer.Cpr.Say(MessageType.Plan);
        },
        $"{Itself} sent message 3 where none was expected");

    [TestCase(0, TestName = "A_main_channel_that_ends_before_the_head")]
    [TestCase(10, TestName = "A_main_channel_that_ends_in_the_head")]
    [TestCase(24, TestName = "A_main_channel_that_ends_after_the_head")]
    [TestCase(300, TestName = "A_main_channel_that_ends_in_the_state")]
    [TestCase(-24, TestName = "A_main_channel_that_ends_before_the_end_record")]
    [TestCase(-1, TestName = "A_main_channel_that_ends_in_the_end_record")]
    [Promise(4)]
    public Task A_main_channel_that_ends_early(int length) => IsNotTaken(
        async peer =>
        {
            await peer.ConnectMain();
            peer.Baton.Offer();
            byte[] frames = peer.Frames();
            await peer.SayMain(frames[..(length < 0 ? frames.Length + length : length)]);
            peer.Main!.Dispose();
        },
        $"{Itself} closed the main channel before the state was complete",
        "broke");

    [TestCase(0, "Not a migration stream (bad magic", TestName = "A_state_with_another_magic")]
    [TestCase(4, "Unsupported migration stream version", TestName = "A_state_of_another_format")]
    [TestCase(15, "the main channel carries attempt", TestName = "A_state_of_another_attempt")]
    [TestCase(17, "a state of", TestName = "A_state_longer_than_any")]
    [TestCase(100, "the state is damaged: checksum", TestName = "A_damaged_state")]
    [TestCase(-1, "the state's end record is damaged", TestName = "A_damaged_end_record")]
    [TestCase(-18, "the state is damaged: checksum", TestName = "A_damaged_checksum")]
    [Promise(4)]
    public Task A_damaged_main_channel(int at, string reason) => IsNotTaken(
        async peer =>
        {
            await peer.ConnectMain();
            peer.Baton.Offer();
            byte[] frames = peer.Frames();
            frames[at < 0 ? frames.Length + at : at] ^= 1;
            await peer.SayMain(frames);
        },
        reason);

    [Test]
    public Task A_state_of_another_machine_type() => IsNotTaken(
        async peer =>
        {
            await peer.ConnectMain();
            peer.Baton.Offer();
            byte[] state = peer.State();
            state[13] = (byte)'M';
            await peer.SayMain(peer.Frames(state));
            var message = await peer.Cpr.Hear();
            Assert.That(Peer.Reasons(message), Is.EqualTo(new[] { "Machine type received is 'Microvm' and local is 'microvm'" }));
        },
        "load of migration failed: Machine type received is 'Microvm' and local is 'microvm'");

    [Test]
    public Task A_hypervisor_that_refuses_the_state()
    {
        _new.Hypervisor.RefuseApply = static () => new HypervisorException("the host refused register 0x10a");
        return IsNotTaken(
            async peer =>
            {
                await peer.ConnectMain();
                peer.Baton.Offer();
                await peer.SayMain(peer.Frames());
                var message = await peer.Cpr.Hear();
                Assert.That(message.Type, Is.EqualTo(MessageType.Failed));
            },
            "load of migration failed: the host refused register 0x10a");
    }

    [Test]
    public Task A_hypervisor_that_fails_in_an_unforeseen_way()
    {
        _new.Hypervisor.RefuseApply = static () => new InvalidOperationException("unforeseen");
        return IsNotTaken(
            async peer =>
            {
                await peer.ConnectMain();
                peer.Baton.Offer();
                await peer.SayMain(peer.Frames());
                var message = await peer.Cpr.Hear();
                Assert.That(message.Type, Is.EqualTo(MessageType.Failed));
            },
            "load of migration failed: unforeseen");
    }

    [Test]
    public Task A_hypervisor_that_cannot_make_the_VM()
    {
        _new.Hypervisor.RefuseCreate = "the host has no more of it";
        return IsRefused(peer => peer, "the host has no more of it");
    }

    [Test]
    public Task A_plan_without_a_baton() => IsRefused(peer => Without(peer, "baton"), "no baton came with the plan");

    [Test]
    public Task A_plan_without_a_kernel() => IsRefused(peer => Without(peer, "boot/kernel"), "no descriptor came for the kernel");

    [Test]
    public Task A_plan_without_RAM() => IsRefused(peer => Without(peer, "ram/microvm.ram", "ram/"), "no descriptor came for RAM block");

    [Test]
    public Task A_baton_that_is_no_baton() => IsRefused(
        peer => Replace(peer, "baton", Posix.CreateMemfd("not sealed", 4096)),
        "a memfd of 4096 bytes, sealed against resizing, was expected");

    [Test]
    public Task A_kernel_that_is_no_file() => IsRefused(
        peer => Replace(peer, "boot/kernel", Posix.CreateEventFd()),
        "a regular file was expected");

    [Test]
    public Task RAM_that_is_another_file() => IsRefused(
        peer => Replace(peer, "ram/", Posix.CreateMemfd("other", 4 << 20)),
        "was promised");

    [Test]
    public Task A_back_end_that_cannot_be_written_to() => IsRefused(
        peer => Replace(peer, "chardev/serial0/file", Posix.OpenToRead(_fixture.Files.Path("kernel"))),
        "a file open for writing expected, the descriptor is not writable");

    [Test]
    public Task A_plan_that_names_no_RAM() => IsRefused(
        peer =>
        {
            peer.Plan = peer.Plan with { Ram = [] };
            return peer;
        },
        "the old process has no RAM block");

    [Test]
    public Task A_plan_for_another_attempt_than_its_baton() => IsNotTaken(
        async peer =>
        {
            peer.Plan = peer.Plan with { Attempt = peer.Plan.Attempt ^ 1 };
            await peer.ConnectMain();
            peer.Baton.Offer();
            await peer.SayMain(peer.Frames());
        },
        "the main channel carries attempt");

    [Test]
    public async Task A_client_that_names_more_descriptors_than_it_sends_is_turned_away()
    {
        using (var peer = new PeerAsOld(_fixture, _source))
        {
            await peer.Meet();
            var body = new StateWriter();
            PlanCodec.WriteList(body, (string[])["one", "two"], body.WriteText);
            await peer.Cpr.Say(MessageType.Descriptors, body, peer.Baton.File);
            var message = await peer.Cpr.Hear();
            Assert.That(Peer.Reasons(message), Is.EqualTo(new[] { $"{Itself} named 2 descriptors and sent 1" }));
        }

        await AHonestPeerIsServed();
    }

    [Test]
    public async Task A_client_that_sends_a_descriptor_twice_is_turned_away()
    {
        using (var peer = new PeerAsOld(_fixture, _source))
        {
            await peer.Meet();
            var baton = new CarriedDescriptor("baton", peer.Baton.File);
            await peer.SayDescriptors([baton, baton, baton]);
            var message = await peer.Cpr.Hear();
            Assert.That(Peer.Reasons(message), Is.EqualTo(new[] { $"{Itself} sent descriptor 'baton' twice" }));
        }

        await AHonestPeerIsServed();
    }

    [Test]
    public async Task A_client_with_a_damaged_plan_is_turned_away()
    {
        using (var peer = new PeerAsOld(_fixture, _source))
        {
            await peer.Meet();
            var body = new StateWriter();
            body.WriteBytes(new byte[11]);
            await peer.Cpr.Say(MessageType.Plan, body);
            var message = await peer.Cpr.Hear();
            Assert.That(message.Type, Is.EqualTo(MessageType.Refused));
        }

        await AHonestPeerIsServed();
    }

    [Test]
    [Promise(10)]
    public async Task A_client_that_is_silent_is_turned_away_in_time()
    {
        _new.Do(_new.Migrator.Dispose);
        var next = _fixture.Host();
        next.Set(p => p with { CprPlanTimeout = 100 });
        next.AwaitGuest(_fixture.CprPath, null);
        using var peer = new PeerAsOld(_fixture, _source);
        await peer.Meet();
        var message = await peer.Cpr.Hear();
        Assert.That(Peer.Reasons(message), Is.EqualTo(new[] { $"{Itself} did not send its plan within 100 ms" }));
    }

    [Test]
    public async Task An_attempt_that_fails_in_a_process_that_does_not_defer_ends_its_wait()
    {
        _new.Do(_new.Migrator.Dispose);
        var next = _fixture.New();
        using var peer = new PeerAsOld(_fixture, _source);
        await peer.Prepare();
        peer.Cpr.HangUp();

        await next.Events.Of("INCOMING FAILED");
        Assert.Multiple(() =>
        {
            Assert.That(next.Report.Error, Does.Contain("closed the cpr channel"));
            Assert.That(_fixture.Files.Names, Has.None.EqualTo("cpr").And.None.EqualTo("main"), "no path is left behind");
        });
    }

    [Test]
    [Promise(15)]
    public async Task A_dropped_machine_removes_no_name_of_the_old_process()
    {
        var configuration = _fixture.Configuration with
        {
            Chardevs =
            [
                new Core.Configuration.SocketChardevConfiguration("serial0") { Path = _fixture.Files.Path("console"), Server = true },
                new Core.Configuration.PtyChardevConfiguration("debug", _fixture.Files.Path("pty")),
            ],
        };
        _new.Do(_new.Migrator.Dispose);
        var source = _fixture.Old(configuration);
        var next = _fixture.Deferred(configuration);
        using (var peer = new PeerAsOld(_fixture, source))
        {
            await peer.Meet();
            await peer.SayDescriptors();
            await peer.SayPlan();
            await peer.Cpr.Hear(MessageType.Ready);
        }

        await next.Events.Of("failed");
        await next.Hypervisor.Newest.Disposed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That(_fixture.Files.Names, Does.Contain("console").And.Contain("pty"));
    }

    private static PeerAsOld Without(PeerAsOld peer, params string[] names)
    {
        peer.Carried.RemoveAll(c => names.Any(n => c.Name.StartsWith(n, StringComparison.Ordinal)));
        return peer;
    }

    private static PeerAsOld Replace(PeerAsOld peer, string name, SafeFileHandle handle)
    {
        int index = peer.Carried.FindIndex(c => c.Name.StartsWith(name, StringComparison.Ordinal));
        Assert.That(index, Is.GreaterThanOrEqualTo(0), $"no descriptor '{name}' among {string.Join(", ", peer.Carried.Select(c => c.Name))}");
        peer.Carried[index] = new CarriedDescriptor(peer.Carried[index].Name, handle);
        return peer;
    }

    /// <summary>The new process refuses while the guest still runs at its source.</summary>
    private Task IsRefused(Func<PeerAsOld, PeerAsOld> spoil, string reason) => IsNotTaken(
        async peer =>
        {
            spoil(peer);
            await peer.Meet();
            await peer.SayDescriptors();
            await peer.SayPlan();
            var message = await peer.Cpr.Hear();
            Assert.That(message.Type, Is.EqualTo(MessageType.Refused));
            Assert.That(Peer.Reasons(message), Has.One.Contains(reason));
        },
        reason);

    private async Task IsNotTaken(Func<PeerAsOld, Task> play, params string[] reasons)
    {
        using (var peer = new PeerAsOld(_fixture, _source))
        {
            await play(peer);
            await _new.Events.Of("failed");
            Assert.Multiple(() =>
            {
                Assert.That(peer.Baton.IsHeldByNew, Is.False);
                Assert.That(_new.State, Is.EqualTo(RunState.Inmigrate));
                Assert.That(_new.Hypervisor.Count("start"), Is.Zero);
                Assert.That(reasons.Any(r => _new.Report.Error!.Contains(r, StringComparison.Ordinal)), Is.True, $"the error was: {_new.Report.Error}");
            });
            _fixture.AssertRunsIn(_source);
        }

        foreach (var machine in _new.Hypervisor.Machines)
        {
            await machine.Disposed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        }

        await AHonestPeerIsServed();
    }

    private async Task AHonestPeerIsServed()
    {
        _new.Hypervisor.RefuseApply = null;
        _new.Hypervisor.RefuseCreate = null;
        _new.Events.Clear();
        await _fixture.HandOverAsync(_source, _new);
        Assert.Multiple(() =>
        {
            Assert.That(_new.Report.Error, Is.Null);
            Assert.That(_new.Events.Told, Does.Contain("active").And.Contain("RESUME"));
        });
        _fixture.AssertRunsIn(_new);
    }
}
