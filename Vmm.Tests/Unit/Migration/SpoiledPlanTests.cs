using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;

namespace Vmm.Tests.Unit.Migration;

/// <summary>A plan, or the descriptors that come with it, of which no guest can be built: the new process says why while the guest runs, and waits on.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SpoiledPlanTests : OldPeerTest
{
    [Test]
    public Task A_hypervisor_that_cannot_make_the_VM()
    {
        New.Hypervisor.RefuseCreate = "the host has no more of it";
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
        peer => Replace(peer, "baton", Memfd.Create("not sealed", 4096)),
        "a memfd of 4096 bytes, sealed against resizing, was expected");

    [Test]
    public Task A_kernel_that_is_no_file() => IsRefused(
        peer => Replace(peer, "boot/kernel", EventFd.Create()),
        "a regular file was expected");

    [Test]
    public Task RAM_that_is_another_file() => IsRefused(
        peer => Replace(peer, "ram/", Memfd.Create("other", 4 << 20)),
        "was promised");

    [Test]
    public Task A_back_end_that_cannot_be_written_to() => IsRefused(
        peer => Replace(peer, "chardev/serial0/file", HostFile.OpenToRead(Fixture.Files.Path("kernel"))),
        "a file open for writing expected, the descriptor is not writable");

    [Test]
    public Task A_plan_that_names_no_RAM() => IsRefused(
        peer =>
        {
            peer.Plan = peer.Plan with { Ram = [] };
            return peer;
        },
        "the old process has no RAM block");

    [TestCase(0u)]
    [TestCase(3u)]
    [TestCase(uint.MaxValue)]
    public Task A_board_of_a_revision_that_is_not_built_here(uint revision) => IsRefused(
        peer =>
        {
            peer.Plan = peer.Plan with { BoardRevision = revision };
            return peer;
        },
        $"the guest's board is revision {Math.Min(revision, int.MaxValue)} of microvm: this program builds 1 to 2");

    [Test]
    public Task A_plan_for_another_attempt_than_its_baton() => IsNotTaken(
        async peer =>
        {
            peer.Plan = peer.Plan with { Attempt = peer.Plan.Attempt ^ 1 };
            await peer.ConnectMain();
            peer.Baton.Offer();
            await peer.SendMain(peer.Frames());
        },
        "the main channel carries attempt");

    [Test]
    public async Task A_client_that_names_more_descriptors_than_it_sends_is_turned_away()
    {
        using (var peer = new PeerAsOld(Fixture, Source))
        {
            await peer.Handshake();
            var body = new StateWriter();
            PlanCodec.WriteList(body, (string[])["one", "two"], body.WriteText);
            await peer.Cpr.Send(MessageType.Descriptors, body, peer.Baton.File);
            var message = await peer.Cpr.Receive();
            Assert.That(Peer.Reasons(message), Is.EqualTo(new[] { $"{Itself} named 2 descriptors and sent 1" }));
        }

        await AnHonestPeerIsServed();
    }

    [Test]
    public async Task A_client_that_sends_a_descriptor_twice_is_turned_away()
    {
        using (var peer = new PeerAsOld(Fixture, Source))
        {
            await peer.Handshake();
            var baton = new HandoverDescriptor("baton", peer.Baton.File);
            await peer.SendDescriptors([baton, baton, baton]);
            var message = await peer.Cpr.Receive();
            Assert.That(Peer.Reasons(message), Is.EqualTo(new[] { $"{Itself} sent descriptor 'baton' twice" }));
        }

        await AnHonestPeerIsServed();
    }

    [Test]
    public async Task A_client_with_a_damaged_plan_is_turned_away()
    {
        using (var peer = new PeerAsOld(Fixture, Source))
        {
            await peer.Handshake();
            var body = new StateWriter();
            body.WriteBytes(new byte[11]);
            await peer.Cpr.Send(MessageType.Plan, body);
            var message = await peer.Cpr.Receive();
            Assert.That(message.Type, Is.EqualTo(MessageType.Refused));
        }

        await AnHonestPeerIsServed();
    }

    [Test]
    [Promise(10)]
    public async Task A_client_that_is_silent_is_turned_away_in_time()
    {
        New.Do(New.Migrator.Dispose);
        var next = Fixture.Host();
        next.Set(p => p with { CprPlanTimeout = 100 });
        next.AwaitGuest(Fixture.CprPath, null);
        using var peer = new PeerAsOld(Fixture, Source);
        await peer.Handshake();
        var message = await peer.Cpr.Receive();
        Assert.That(Peer.Reasons(message), Is.EqualTo(new[] { $"{Itself} did not send its plan within 100 ms" }));
    }

    private static PeerAsOld Without(PeerAsOld peer, params string[] names)
    {
        peer.HandoverDescriptors.RemoveAll(c => names.Any(n => c.Name.StartsWith(n, StringComparison.Ordinal)));
        return peer;
    }

    private static PeerAsOld Replace(PeerAsOld peer, string name, SafeFileHandle handle)
    {
        int index = peer.HandoverDescriptors.FindIndex(c => c.Name.StartsWith(name, StringComparison.Ordinal));
        Assert.That(index, Is.GreaterThanOrEqualTo(0), $"no descriptor '{name}' among {string.Join(", ", peer.HandoverDescriptors.Select(c => c.Name))}");
        peer.HandoverDescriptors[index] = new HandoverDescriptor(peer.HandoverDescriptors[index].Name, handle);
        return peer;
    }

    /// <summary>The new process refuses while the guest still runs at its source.</summary>
    private Task IsRefused(Func<PeerAsOld, PeerAsOld> spoil, string reason) => IsNotTaken(
        async peer =>
        {
            spoil(peer);
            await peer.Handshake();
            await peer.SendDescriptors();
            await peer.SendPlan();
            var message = await peer.Cpr.Receive();
            Assert.That(message.Type, Is.EqualTo(MessageType.Refused));
            Assert.That(Peer.Reasons(message), Has.One.Contains(reason));
        },
        reason);
}
