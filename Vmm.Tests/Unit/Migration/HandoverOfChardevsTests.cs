using System.Net.Sockets;
using System.Text;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Migration.Handover;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Back ends that nothing uses, and those that came or changed while the guest ran, on their way to another process.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HandoverOfChardevsTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();
    private readonly List<Socket> _clients = [];

    public void Dispose()
    {
        _clients.ForEach(client => client.Dispose());
        _fixture.Dispose();
    }

    [Test]
    [Promise(53)]
    public async Task A_client_of_one_that_was_added_notices_nothing()
    {
        var old = _fixture.Old();
        await AddAsync(old, Listener("added"));
        var client = await ConnectAsync("added");
        await AwaitPeerAsync(old, "added");
        var next = _fixture.New(With(Listener("added")));

        await _fixture.HandOverAsync(old, next);

        Assert.That(next.Ask(m => Named(m, "added").HasPeer), Is.True);
        await ChangeAsync(next, new NullChardevConfiguration("added"));
        Assert.That(await client.ReceiveAsync(new byte[1]), Is.Zero, "it was connected until then");
    }

    [Test]
    public async Task One_without_a_client_still_listens_at_its_path()
    {
        var old = _fixture.Old(With(Listener("spare")));
        var next = _fixture.New(With(Listener("spare")));
        await _fixture.HandOverAsync(old, next);

        await ConnectAsync("spare");

        await AwaitPeerAsync(next, "spare");
    }

    [Test]
    [Promise(53)]
    public async Task A_new_process_without_it_refuses_before_the_pause_and_says_what_to_add()
    {
        var old = _fixture.Old();
        await AddAsync(old, Listener("added"));
        var client = await ConnectAsync("added");
        await AwaitPeerAsync(old, "added");
        _fixture.New();

        var verdict = await PreflightAsync(old);

        Assert.That(verdict.Reasons, Is.EqualTo(new[]
        {
            "chardev added is absent in the new process; the old one has it with backend 'socket'",
            "chardevs were added or changed since this process started: the command line of the new process needs "
                + $"-chardev socket,id=added,path={_fixture.Files.Path("added")},server=on,wait=off",
        }));
        Assert.That(await _fixture.MigrateAsync(old), Is.EqualTo("failed"));
        Assert.That(old.Report.Error, Does.EndWith(verdict.Reasons[1]));
        Assert.That(old.Hypervisor.Calls, Has.None.Contains("stop"), "the guest was never paused");
        Assert.That(old.Ask(m => Named(m, "added").HasPeer), Is.True);
        await RemoveAsync(old, "added");
        Assert.That(await client.ReceiveAsync(new byte[1]), Is.Zero, "it was connected until then");
    }

    [Test]
    [Promise(53)]
    public async Task A_new_process_that_has_another_kind_of_it_refuses()
    {
        var old = _fixture.Old(With(new PtyChardevConfiguration("spare", null)));
        _fixture.New(With(new NullChardevConfiguration("spare")));

        var verdict = await PreflightAsync(old);

        Assert.That(verdict.Reasons, Is.EqualTo(new[] { "chardev spare: backend is 'pty' in the old process and 'null' in the new one" }));
    }

    [Test]
    [Promise(53)]
    public async Task A_serial_port_that_was_given_another_back_end_keeps_it_and_its_client()
    {
        var old = _fixture.Old();
        var console = Listener("console") with { Id = "serial0" };
        await ChangeAsync(old, console);
        var client = await ConnectAsync("console");
        await AwaitPeerAsync(old, "serial0");
        old.GuestWrites("old ");

        var next = _fixture.New(_fixture.Configuration with { Chardevs = [console, new NullChardevConfiguration("debug")] });
        await _fixture.HandOverAsync(old, next);
        next.GuestWrites("new");

        Assert.That(await ReceiveAsync(client, 7), Is.EqualTo("old new"));
    }

    [Test]
    [Promise(53)]
    public async Task The_back_end_that_a_serial_port_had_before_a_change_is_refused()
    {
        var old = _fixture.Old();
        await ChangeAsync(old, Listener("console") with { Id = "serial0" });
        _fixture.New();

        var verdict = await PreflightAsync(old);
        Assert.That(verdict.Reasons, Is.EqualTo(new[]
        {
            "device serial0: chardev is 'socket' in the old process and 'file' in the new one",
            "chardevs were added or changed since this process started: the command line of the new process needs "
                + $"-chardev socket,id=serial0,path={_fixture.Files.Path("console")},server=on,wait=off",
        }));
    }

    [Test]
    public async Task One_that_only_the_new_process_has_is_opened_when_the_guest_is_there()
    {
        var old = _fixture.Old();
        var next = _fixture.New(With(Listener("later")));
        var verdict = await PreflightAsync(old);
        Assert.That(verdict.WouldSucceed, Is.True);
        Assert.That(verdict.Warnings, Has.One.EqualTo($"chardev later is absent in the old process; the new one has it with path '{_fixture.Files.Path("later")}'"));
        Assert.That(_fixture.Files.Names, Does.Not.Contain("later"));

        await _fixture.HandOverAsync(old, next);

        await ConnectAsync("later");
        await AwaitPeerAsync(next, "later");
    }

    [Test]
    public async Task One_that_was_removed_may_be_missing_in_the_new_process()
    {
        var old = _fixture.Old(With(Listener("spare")));
        await RemoveAsync(old, "spare");
        var next = _fixture.New();

        await _fixture.HandOverAsync(old, next);

        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task What_a_client_put_into_a_ring_that_nothing_uses_is_read_in_the_next_process()
    {
        var ring = new RingbufChardevConfiguration("ring", 64);
        var old = _fixture.Old();
        var added = (RingbufChardev)await AddAsync(old, ring);
        Assert.That(added.TryPut("kept"u8), Is.True);
        var next = _fixture.New(With(ring));

        await _fixture.HandOverAsync(old, next);

        Assert.That(next.Ask(m => ((RingbufChardev)Named(m, "ring")).Take(64)), Is.EqualTo("kept"u8.ToArray()));
    }

    [Test]
    public async Task While_the_guest_is_on_its_way_none_comes_goes_or_changes()
    {
        const string UnderWay =
            "chardev 'spare': a live update, or its preflight, is under way: send the command again when that has ended, to the process that has the guest";
        var spare = new NullChardevConfiguration("spare");
        var old = _fixture.Old(With(spare));
        var next = _fixture.Deferred(With(spare));
        old.Migrate(_fixture.Channels);
        await next.HasBuilt();

        Assert.That(() => ChangeAsync(old, spare), Refused(UnderWay));
        Assert.That(() => RemoveAsync(old, "spare"), Refused(UnderWay));
        Assert.That(() => AddAsync(old, Listener("more")), Refused(UnderWay.Replace("spare", "more", StringComparison.Ordinal)));
        Assert.That(_fixture.Files.Names, Does.Not.Contain("more"));
        old.Do(old.Migrator.Cancel);
        await HandoverFixture.EndOf(old);

        await AddAsync(old, Listener("more"));
        await RemoveAsync(old, "spare");
    }

    [Test]
    public async Task The_process_that_had_the_guest_says_which_one_has_it()
    {
        var old = _fixture.Old();
        await _fixture.HandOverAsync(old, _fixture.New());

        Assert.That(() => AddAsync(old, Listener("more")), Throws.TypeOf<ChardevException>().With.Message.StartsWith("the guest was handed over to "));
    }

    private static NUnit.Framework.Constraints.IResolveConstraint Refused(string text) => Throws.TypeOf<ChardevException>().With.Message.EqualTo(text);

    private static Chardev Named(Machine machine, string id) => machine.Board!.Chardevs.Single(chardev => chardev.Label == id);

    private static Task<Chardev> AddAsync(MachineHost host, ChardevConfiguration chardev) => host.DoAsync(() => host.Machine.Chardevs.AddAsync(chardev));

    private static Task<Chardev> ChangeAsync(MachineHost host, ChardevConfiguration chardev) => host.DoAsync(() => host.Machine.Chardevs.ChangeAsync(chardev));

    private static Task RemoveAsync(MachineHost host, string id) => host.DoAsync(() => host.Machine.Chardevs.RemoveAsync(id));

    private static async Task AwaitPeerAsync(MachineHost host, string id)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!host.Ask(m => Named(m, id).HasPeer))
        {
            await Task.Delay(5, deadline.Token);
        }
    }

    private static async Task<string> ReceiveAsync(Socket client, int count)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        byte[] received = new byte[count];
        for (int done = 0; done < count;)
        {
            int got = await client.ReceiveAsync(received.AsMemory(done), deadline.Token);
            Assert.That(got, Is.GreaterThan(0), "the client stays connected");
            done += got;
        }

        return Encoding.ASCII.GetString(received);
    }

    private Task<PreflightVerdict> PreflightAsync(MachineHost old) => old.DoAsync(() => old.Migrator.PreflightAsync(_fixture.Channels));

    private SocketChardevConfiguration Listener(string name) => new(name) { Path = _fixture.Files.Path(name), Server = true };

    private MachineConfiguration With(ChardevConfiguration chardev) =>
        _fixture.Configuration with { Chardevs = [.. _fixture.Configuration.Chardevs, chardev] };

    private async Task<Socket> ConnectAsync(string name)
    {
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _clients.Add(client);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(_fixture.Files.Path(name)));
        return client;
    }
}
