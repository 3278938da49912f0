using System.Net.Sockets;
using System.Text;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Machines;

namespace Vmm.Tests.Unit.Machines;

/// <summary>Back ends that nothing uses, and those that come, go and change while the guest runs.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MachineChardevsTests : IDisposable
{
    private readonly MachineFiles _files = new();
    private readonly List<Socket> _clients = [];
    private MachineHost? _host;

    private MachineHost Host => _host!;

    public void Dispose()
    {
        _clients.ForEach(client => client.Dispose());
        _host?.Dispose();
        _files.Dispose();
    }

    [Test]
    public async Task A_declared_back_end_that_nothing_uses_is_open()
    {
        PowerOn(Listener("spare"));

        var client = await ConnectAsync("spare");

        Assert.That(() => Host.Ask(m => Named(m, "spare").FileName), Is.EqualTo($"unix:{_files.Path("spare")},server=on").After(10_000, 5));
        Assert.That(client.Connected, Is.True);
    }

    [Test]
    public void A_back_end_of_a_monitor_is_not_opened_by_the_machine()
    {
        PowerOn(Listener("monitor") with { Monitors = 1 });

        Assert.That(_files.Names, Does.Not.Contain("monitor"));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_client_that_leaves_a_back_end_without_a_user_makes_room_for_the_next(bool typed)
    {
        PowerOn(Listener("spare"));
        var first = await ConnectAsync("spare");
        if (typed)
        {
            await first.SendAsync("not read"u8.ToArray());
        }

        await AwaitPeerAsync("spare", isThere: true);
        first.Dispose();
        await AwaitPeerAsync("spare", isThere: false);
        await ConnectAsync("spare");
        await AwaitPeerAsync("spare", isThere: true);
    }

    [Test]
    public async Task What_is_added_is_opened_and_what_is_removed_leaves_no_name()
    {
        PowerOn();
        await AddAsync(Listener("added"));
        var client = await ConnectAsync("added");
        await AwaitPeerAsync("added", isThere: true);

        await Host.DoAsync(() => Host.Machine.Chardevs.RemoveAsync("added"));

        Assert.That(_files.Names, Does.Not.Contain("added"));
        Assert.That(await client.ReceiveAsync(new byte[1]), Is.Zero, "the client is disconnected");
        Assert.That(Host.Ask(m => m.Board!.Chardevs.Count), Is.EqualTo(2));
        await AddAsync(Listener("added"));
    }

    [Test]
    public async Task What_cannot_be_opened_is_not_added_and_leaves_nothing()
    {
        PowerOn();
        string nowhere = _files.Path("no/such");

        Assert.That(() => AddAsync(new FileChardevConfiguration("f", nowhere, false)), Refused($"Failed to add chardev 'f': open '{nowhere}': No such file or directory"));
        Assert.That(() => AddAsync(Listener("s") with { LogFile = nowhere }), Refused($"Failed to add chardev 's': open '{nowhere}': No such file or directory"));
        Assert.That(_files.Names, Does.Not.Contain("s"));
        await AddAsync(Listener("s"));
        Assert.That(() => AddAsync(Listener("t") with { Path = _files.Path("s") }), Refused($"Failed to add chardev 't': Failed to bind socket to {_files.Path("s")}: Address already in use"));
        Assert.That(Host.Ask(m => m.Chardevs.Configuration.Select(chardev => chardev.Id)), Is.EqualTo(new[] { "serial0", "debug", "s" }));
    }

    [Test]
    public async Task A_server_that_does_not_answer_holds_up_nothing()
    {
        // A listening socket with a full backlog: the connection is neither made nor refused.
        using var deaf = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        deaf.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        deaf.Listen(0);
        int port = ((System.Net.IPEndPoint)deaf.LocalEndPoint!).Port;
        for (int i = 0; i < 3; i++)
        {
            var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
            _clients.Add(client);
            Assert.That(() => client.Connect(deaf.LocalEndPoint), Throws.InstanceOf<SocketException>());
        }

        PowerOn();
        var change = Host.DoAsync(() => Host.Machine.Chardevs.ChangeAsync(new SocketChardevConfiguration("serial0") { Host = "127.0.0.1", Port = port }));
        Host.GuestWrites("continues");

        Assert.That(change.IsCompleted, Is.False);
        Assert.That(() => Host.Do(() => Host.Machine.Chardevs.RequireChangeable(new NullChardevConfiguration("serial0"))), Refused("Chardev 'serial0' is busy: another command changes it"));
        Assert.That(async () => await change, Refused($"Failed to connect to '127.0.0.1:{port}': Connection timed out"));
        Assert.That(() => ReadSerial(), Is.EqualTo("continues").After(10_000, 5));
    }

    [Test]
    public async Task What_the_guest_writes_goes_to_the_other_back_end_from_then_on()
    {
        PowerOn();
        Host.GuestWrites("before");
        var other = Listener("other") with { Id = "serial0" };
        await ChangeAsync(other);
        var client = await ConnectAsync("other");
        await AwaitPeerAsync("serial0", isThere: true);

        Host.GuestWrites("after");

        Assert.That(await ReceiveAsync(client, 5), Is.EqualTo("after"));
        Assert.That(ReadSerial(), Is.EqualTo("before"));
        await client.SendAsync("x"u8.ToArray());
        Assert.That(() => Host.Board.PortRead(0x3fd, 1) & 1, Is.EqualTo(1).After(10_000, 5));
        Assert.That(Host.Board.PortRead(0x3f8, 1), Is.EqualTo('x'));
    }

    [Test]
    [Promise(53)]
    public async Task What_the_former_back_end_has_not_taken_goes_to_the_other_in_order()
    {
        PowerOn([], serial: Listener("slow") with { Id = "serial0" });
        var client = await ConnectAsync("slow");
        await AwaitPeerAsync("serial0", isThere: true);
        var written = new StringBuilder();
        while ((Host.Board.PortRead(0x3fd, 1) & 0x20) != 0)
        {
            char next = (char)('!' + (written.Length % 90));
            Host.GuestWrites($"{next}");
            written.Append(next);
        }

        await ChangeAsync(new FileChardevConfiguration("serial0", _files.Path("other"), false));
        Host.GuestWrites(" after");
        written.Append(" after");

        string first = await ReceiveAsync(client, int.MaxValue);
        Assert.That(first, Has.Length.GreaterThan(0).And.Length.LessThan(written.Length));
        Assert.That(() => first + File.ReadAllText(_files.Path("other")), Is.EqualTo(written.ToString()).After(10_000, 5));
    }

    [Test]
    [Promise(53)]
    public async Task A_change_that_fails_leaves_everything_as_it_was()
    {
        PowerOn([], serial: Listener("console") with { Id = "serial0", LogFile = _files.Path("log") });
        var client = await ConnectAsync("console");
        await AwaitPeerAsync("serial0", isThere: true);
        Host.GuestWrites("one ");

        string nowhere = _files.Path("no/such");
        Assert.That(() => ChangeAsync(new FileChardevConfiguration("serial0", nowhere, false) { LogFile = _files.Path("log") }), Refused($"open '{nowhere}': No such file or directory"));
        Assert.That(() => ChangeAsync(Listener("console") with { Id = "serial0" }), Refused($"Failed to bind socket to {_files.Path("console")}: Address already in use"));
        Assert.That(() => ChangeAsync(new RingbufChardevConfiguration("serial0", 3)), Refused("size of ringbuf chardev must be power of two: expected 1 to 67108864 bytes, not 3"));

        Host.GuestWrites("two");
        Assert.That(await ReceiveAsync(client, 7), Is.EqualTo("one two"));
        Assert.That(() => File.ReadAllText(_files.Path("log")), Is.EqualTo("one two").After(10_000, 5));
        Assert.That(Host.Ask(m => m.Chardevs.NewOptions), Is.Empty);
    }

    [Test]
    [Promise(53)]
    public async Task All_that_was_logged_is_in_the_log_when_a_back_end_is_changed()
    {
        PowerOn([], serial: new NullChardevConfiguration("serial0") { LogFile = _files.Path("log") });
        string text = new('x', 20_000);
        Host.GuestWrites(text);

        await ChangeAsync(new NullChardevConfiguration("serial0") { LogFile = _files.Path("log2") });
        Host.GuestWrites("y");

        Assert.That(File.ReadAllText(_files.Path("log")), Is.EqualTo(text));
        Assert.That(() => File.ReadAllText(_files.Path("log2")), Is.EqualTo("y").After(10_000, 5));
    }

    [Test]
    public async Task A_debug_console_goes_on_with_another_back_end()
    {
        PowerOn();
        await ChangeAsync(new FileChardevConfiguration("debug", _files.Path("other"), false));

        Host.Board.PortWrite(0xe9, 1, '!');

        Assert.That(() => File.ReadAllText(_files.Path("other")), Is.EqualTo("!").After(10_000, 5));
    }

    [Test]
    public void What_has_several_front_ends_or_a_monitor_is_neither_changed_nor_removed()
    {
        PowerOn([Listener("mon") with { Monitors = 1 }], new NullChardevConfiguration("serial0") { Mux = true });

        Assert.Multiple(() =>
        {
            Assert.That(() => ChangeAsync(new NullChardevConfiguration("serial0")), Refused("For mux or hub device hotswap is not supported yet"));
            Assert.That(() => ChangeAsync(new NullChardevConfiguration("serial0-base")), Refused("Chardev user does not support chardev hotswap"));
            Assert.That(() => ChangeAsync(new NullChardevConfiguration("mon")), Refused("Chardev user does not support chardev hotswap"));
            Assert.That(() => ChangeAsync(new NullChardevConfiguration("none")), Refused("Chardev 'none' does not exist"));
            Assert.That(() => RemoveAsync("serial0"), Refused("Chardev 'serial0' is busy"));
            Assert.That(() => RemoveAsync("serial0-base"), Refused("Chardev 'serial0-base' is busy"));
            Assert.That(() => RemoveAsync("mon"), Refused("Chardev 'mon' is busy"));
            Assert.That(() => RemoveAsync("debug"), Refused("Chardev 'debug' is busy"));
            Assert.That(() => RemoveAsync("none"), Refused("Chardev 'none' not found"));
            Assert.That(() => AddAsync(new NullChardevConfiguration("mon")), Refused("Chardev with id 'mon' already exists"));
            Assert.That(() => AddAsync(new NullChardevConfiguration("serial0-base")), Refused("Chardev with id 'serial0-base' already exists"));
        });
    }

    [TestCase("")]
    [TestCase("1bad")]
    [TestCase("a b")]
    [TestCase("a/b")]
    [TestCase("\u00e9")]
    public void What_is_no_id_is_refused(string id)
    {
        PowerOn();

        Assert.That(() => AddAsync(new NullChardevConfiguration(id)), Refused(
            $"Failed to add chardev '{id}': Parameter 'id' expects an identifier (a letter, then letters, digits, '-', '.', '_'; at most 100 characters), not '{id}'"));
    }

    [Test]
    public void Standard_input_is_one_back_ends_only()
    {
        PowerOn([new StdioChardevConfiguration("mon") { Monitors = 1 }]);

        Assert.That(() => AddAsync(new StdioChardevConfiguration("again")), Refused("Failed to add chardev 'again': cannot use stdio by multiple character devices"));
    }

    [Test]
    public void A_process_without_the_guest_says_where_to_name_it()
    {
        _host = new MachineHost(_files.Configuration, new GuestOwnership());
        Host.Do(() => Host.Machine.AwaitGuest());

        Assert.That(() => AddAsync(new NullChardevConfiguration("c")), Refused(
            "chardev 'c': there is no guest in this process yet: name it on the command line, by -chardev"));
    }

    private static NUnit.Framework.Constraints.IResolveConstraint Refused(string text) => Throws.TypeOf<ChardevException>().With.Message.EqualTo(text);

    private static Chardev Named(Machine machine, string id) => machine.Board!.Chardevs.Single(chardev => chardev.Label == id);

    private SocketChardevConfiguration Listener(string name) => new(name) { Path = _files.Path(name), Server = true };

    private void PowerOn(params ChardevConfiguration[] more) => PowerOn(more, serial: null);


    private void PowerOn(ChardevConfiguration[] more, ChardevConfiguration? serial)
    {
        var configuration = _files.Configuration;
        _host = new MachineHost(
            configuration with { Chardevs = [.. configuration.Chardevs.Select(c => c.Id == "serial0" ? serial ?? c : c), .. more] }, new GuestOwnership());
        Host.Do(Host.Machine.PowerOn);
    }

    private Task<Chardev> AddAsync(ChardevConfiguration chardev) => Host.DoAsync(() => Host.Machine.Chardevs.AddAsync(chardev));

    private Task<Chardev> ChangeAsync(ChardevConfiguration chardev) => Host.DoAsync(() => Host.Machine.Chardevs.ChangeAsync(chardev));

    private Task RemoveAsync(string id) => Host.DoAsync(() => Host.Machine.Chardevs.RemoveAsync(id));

    private string ReadSerial() => File.ReadAllText(_files.Path("serial"));

    private async Task<Socket> ConnectAsync(string name)
    {
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _clients.Add(client);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(_files.Path(name)));
        return client;
    }

    private async Task AwaitPeerAsync(string id, bool isThere)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (Host.Ask(m => Named(m, id).HasPeer) != isThere)
        {
            await Task.Delay(5, deadline.Token);
        }
    }

    private static async Task<string> ReceiveAsync(Socket client, int count)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var received = new StringBuilder();
        byte[] buffer = new byte[4096];
        while (received.Length < count && await client.ReceiveAsync(buffer.AsMemory(0, Math.Min(buffer.Length, count - received.Length)), deadline.Token) is > 0 and var got)
        {
            received.Append(Encoding.ASCII.GetString(buffer, 0, got));
        }

        return received.ToString();
    }
}
