using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Which process is at the other end, as the kernel reports it, or else the process itself; and when it has ended.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PeerProcessTests : IDisposable
{
    private readonly EventLoop _loop = new("peers");
    private readonly SafeFileHandle _near;
    private readonly SafeFileHandle _far;

    public PeerProcessTests()
    {
        (_near, _far) = SocketPair.Create();
        _loop.Start();
    }

    public void Dispose()
    {
        _loop.StopAndJoin();
        _loop.Dispose();
        _near.Dispose();
        _far.Dispose();
    }

    [Test]
    public void A_descriptor_of_a_process_is_distinguished_from_every_other()
    {
        using var itself = PidFd.Open(Environment.ProcessId);
        using var memory = Memfd.Create("pidfd:[1]", 4096);
        using var counter = EventFd.Create();
        using var directory = HostFile.OpenToRead("/proc/self");

        Assert.Multiple(() =>
        {
            Assert.That(PidFd.IsPidFd(itself), Is.True);
            Assert.That(((SafeFileHandle[])[memory, counter, directory, _near]).Where(PidFd.IsPidFd), Is.Empty);
        });
    }

    [Test]
    public Task A_process_without_a_known_number_is_known_by_the_descriptor_that_it_sends() => Run(async () =>
    {
        using var child = Process.Start(new ProcessStartInfo("sleep", "1000"))!;
        using var ofChild = PidFd.Open(child.Id);
        using var other = EventFd.Create();
        using var process = new PeerProcess(_loop, "a process in another pid namespace", handle: null);
        using var peer = new NewPeer(new MessageChannel(_loop, _far)) { Process = process };
        using var itself = new MessageChannel(_loop, _near);
        process.Follow();
        Assert.That(process.HasEnded, Is.False);

        var greeted = peer.GreetAsync(10_000);
        await itself.SendAsync(MessageType.Hello, Greeting.Hello(), [other, ofChild], Deadline.Never);
        await greeted;
        Assert.That(process.HasEnded, Is.False);
        process.Follow();
        child.Kill();
        await child.WaitForExitAsync();

        Assert.That(process.HasEnded, Is.True);
    });

    [Test]
    public Task Its_end_is_waited_for() => Run(async () =>
    {
        using var child = Process.Start(new ProcessStartInfo("sleep", "1000"))!;
        using var process = new PeerProcess(_loop, "a child", PidFd.Open(child.Id));

        var end = process.EndAsync(TimeSpan.FromMinutes(10));
        Assert.That(end.IsCompleted, Is.False);
        child.Kill();
        await end;

        Assert.That(process.HasEnded, Is.True);
        Assert.That(process.EndAsync(TimeSpan.FromMinutes(10)).IsCompleted, Is.True, "it has ended already");
        await child.WaitForExitAsync();
    });

    [Test]
    public Task It_is_waited_for_no_longer_than_for_a_while() => Run(async () =>
    {
        using var process = new PeerProcess(_loop, "this process", PidFd.Open(Environment.ProcessId));

        await process.EndAsync(TimeSpan.FromMilliseconds(20));

        Assert.That(process.HasEnded, Is.False);
    });

    [Test]
    public Task A_peer_that_sends_something_else_of_itself_stays_unknown_and_does_no_harm() => Run(async () =>
    {
        using var other = EventFd.Create();
        using var process = new PeerProcess(_loop, "a process in another pid namespace", handle: null);
        using var peer = new NewPeer(new MessageChannel(_loop, _far)) { Process = process };
        using var itself = new MessageChannel(_loop, _near);

        var greeted = peer.GreetAsync(10_000);
        await itself.SendAsync(MessageType.Hello, Greeting.Hello(), [other, _near], Deadline.Never);

        Assert.That(await greeted, Is.EqualTo(Greeting.NewestProtocol));
        process.Follow(TimeSpan.FromSeconds(1));
        Assert.That(process.HasEnded, Is.False);
    });

    [Test]
    public Task What_the_kernel_reports_counts_more_than_what_the_peer_says() => Run(() =>
    {
        using var channel = new MessageChannel(_loop, _far);
        using var process = PeerProcess.Of(_loop, channel);
        using var known = PidFd.Open(Environment.ProcessId);
        List<SafeFileHandle> sent = [known];

        process.Identify(sent);

        Assert.That(sent, Is.EqualTo(new[] { known }), "it was not needed");
        Assert.That((process.Name, process.HasEnded), Is.EqualTo(($"process {Environment.ProcessId}", false)));
        return Task.CompletedTask;
    });

    /// <summary>In any version: a program that does not know of it closes it.</summary>
    [Test]
    public async Task A_waiting_process_sends_a_descriptor_of_itself_with_its_greeting()
    {
        using var fixture = new HandoverFixture();
        fixture.New();
        using var peer = Peer.To(fixture.CprPath);
        await peer.Greet(newest: 1);
        await peer.Receive(MessageType.Hello);

        Assert.That(peer.Received, Has.Count.EqualTo(1));
        Assert.That(PidFd.IsPidFd(peer.Received[0]), Is.True);
    }

    private async Task Run(Func<Task> test) => await _loop.InvokeAsync(async () =>
    {
        await test();
        return true;
    }).WaitAsync(TimeSpan.FromSeconds(30));
}
