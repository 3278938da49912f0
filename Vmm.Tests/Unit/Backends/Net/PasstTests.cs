using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using Vmm.Core.Backends.Net;
using Vmm.Core.Native;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.Unit.Descriptors;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>The program behind a netdev of kind user, with a script in its place: what it gets, its life and its end.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PasstTests : PasstTest
{
    [Test]
    public void Frames_go_to_the_program_and_come_back()
    {
        var user = Started(User(Echo));
        var device = Device(user);

        device.Send(Frame(1));

        Assert.That(device.Take(), Is.EqualTo(Frame(1)));
        Assert.That((user.Description, user.IsConnected, user.HasHeaders, user.QueueCount), Is.EqualTo(("type=user,passt", true, false, 1)));
    }

    [Test]
    public void The_program_gets_its_socket_and_nothing_else_of_this_process()
    {
        string seen = Bench.PathOf("seen");
        using var leak = EventFd.Create();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using var inheritable = Inheritable.CopyOf(socket);
        var user = User($"ls /proc/self/fd > {seen}; links=$(readlink /proc/$$/fd/0 /proc/$$/fd/1); echo >> {seen}; echo \"$links\" >> {seen}; echo \"$@\" >> {seen}; while read -r line; do echo \"$line\"; done < /proc/$$/status >> {seen}; env >> {seen}; echo >> {seen}.done; {Echo}", "-t", "8080");
        user.Open();
        int id = user.ProcessId;
        Bench.WaitFor(() => File.Exists($"{seen}.done"), "the program has written");

        string[] lines = File.ReadAllLines(seen);
        Assert.That(lines[..6], Is.EqualTo((string[])["0", "1", "2", "3", "4", ""]), "what the shell's child inherits, and the folder that it reads");
        Assert.That(lines[6..8], Has.All.EqualTo("/dev/null"));
        Assert.That(lines, Has.Member("--foreground --quiet --fd 3 -t 8080"));
        Assert.That(Field(lines, "SigBlk"), Is.EqualTo("0000000000000000"));
        Assert.That(Field(lines, "SigIgn"), Is.EqualTo("0000000000000000"));
        Assert.That(Field(lines, "NSsid"), Is.EqualTo(id.ToString(CultureInfo.InvariantCulture)), "a session of its own");
        Assert.That(lines.SkipWhile(line => !line.StartsWith("PATH=", StringComparison.Ordinal)).Where(line => line.Contains('=', StringComparison.Ordinal)).Select(line => line.Split('=')[0]),
            Is.SubsetOf((string[])["PATH", "PWD", "OLDPWD", "SHLVL", "_"]));
    }

    [Test]
    public void A_program_that_is_not_there_is_named_with_its_package()
    {
        var user = Bench.Keep(new UserNetdev(new UserNetdevConfiguration("n0"), Bench.Loop, Bench.Log) { Program = "passt-that-is-not-there" });

        Assert.That(
            user.Open, Throws.TypeOf<NetException>().With.Message.EqualTo("netdev 'n0': passt-that-is-not-there is not on this host: install the Debian package 'passt'"));
    }

    [Test]
    public void A_program_that_refuses_its_arguments_refuses_the_start_in_its_own_words()
    {
        var user = User("echo 'Failed to send 5 bytes to syslog' >&2; echo 'no such port' >&2; echo 'Failed to send 5 bytes to syslog' >&2; exit 3", TimeSpan.FromSeconds(60));

        Assert.That(user.Open, Throws.TypeOf<NetException>().With.Message.EqualTo($"netdev 'n0': {Script} exited with status 3: no such port"));
    }

    [Test]
    public void However_much_it_writes_to_its_standard_error_it_goes_on()
    {
        var user = Started(User($"i=0; while [ $i -lt 3000 ]; do echo 'much to say' >&2 2>/dev/null; i=$((i+1)); done; {Echo}"));
        var device = Device(user);

        device.Send(Frame(1));

        Assert.That(device.Take(), Is.EqualTo(Frame(1)));
    }

    [Test]
    public void A_program_that_dies_pulls_the_cable_and_is_started_again()
    {
        var user = Started(User(Echo));
        var device = Device(user);
        var states = new ConcurrentQueue<bool>();
        user.ConnectionChanged = () => states.Enqueue(user.IsConnected);
        int first = user.ProcessId;
        for (int round = 0; round < 3; round++)
        {
            int id = user.ProcessId;
            Send(id, Signal.Kill);
            Bench.WaitFor(() => user.ProcessId != id && user.IsConnected, "it is started again");
            device.Send(Frame(round));
            Assert.That(device.Take(), Is.EqualTo(Frame(round)));
        }

        Bench.WaitFor(() => states.Count >= 6, "each end and each start was said");
        Assert.That(states, Is.EqualTo((bool[])[false, true, false, true, false, true]));
        Assert.That(Bench.Log.Lines, Has.Some.StartsWith($"netdev 'n0': {Script} was ended by signal 9; the guest has no network until it is started again, in 0.02 s"));
        Assert.That(Directory.Exists($"/proc/{first}"), Is.False, "nothing is left of it");
    }

    [Test]
    public void A_program_that_closes_its_socket_and_lives_is_ended_and_started_again()
    {
        string once = Bench.PathOf("once");
        var user = Started(User($"if [ ! -e {once} ]; then touch {once}; exec 3>&-; exec sleep 1000; fi; {Echo}"));
        Bench.WaitFor(() => Bench.Log.Lines.Any(line => line.Contains("is started again;", StringComparison.Ordinal)) && user.IsConnected, "another is started");
        var device = Device(user);

        device.Send(Frame(1));

        Assert.That(device.Take(), Is.EqualTo(Frame(1)));
        Assert.That(Bench.Log.Lines, Has.Some.Contains("was ended by signal 15"));
    }

    [Test]
    public void The_pause_before_a_start_doubles_while_it_does_not_last()
    {
        string times = Bench.PathOf("times");
        Started(User($"echo x >> {times}; [ $(wc -l < {times}) -gt 1 ] && exit 1; {Echo}"));
        Send(Last().ProcessId, Signal.Kill);
        string InSeconds(double seconds) => string.Create(CultureInfo.InvariantCulture, $"in {seconds} s");

        foreach (double seconds in (double[])[0.02, 0.04, 0.08, 0.16])
        {
            Bench.WaitFor(() => Bench.Log.Lines.Any(line => line.EndsWith(InSeconds(seconds), StringComparison.Ordinal)), InSeconds(seconds));
        }
    }

    [Test]
    public void One_that_hangs_holds_up_neither_the_device_nor_the_machines_end()
    {
        var user = Started(User(Echo));
        var device = Device(user);
        int id = user.ProcessId;
        Send(id, Signal.Stop);
        for (int i = 0; i < 1000; i++)
        {
            device.Send(new byte[1500]);
        }

        device.Stop();
        user.Dispose();

        Assert.That(device.Unsent, Is.GreaterThan(0), "what it does not take waits in the guest");
        Assert.That(Directory.Exists($"/proc/{id}"), Is.False);
    }

    [Test]
    public void The_machines_end_ends_it_even_if_it_ignores_the_request()
    {
        var user = Started(User("trap '' TERM; while :; do sleep 1000; done"));
        int id = user.ProcessId;

        user.Dispose();

        Assert.That(Directory.Exists($"/proc/{id}"), Is.False);
    }

    [Test]
    public void What_it_said_is_no_cause_of_an_end_by_a_signal()
    {
        string said = Bench.PathOf("said");
        var user = Started(User($"echo 'all is well' >&2; touch {said}; {Echo}"));
        Bench.WaitFor(() => File.Exists(said), "it has said something");

        Send(user.ProcessId, Signal.Kill);
        Bench.WaitFor(() => Bench.Log.Lines.Any(line => line.Contains("was ended by signal 9;", StringComparison.Ordinal)), "its end is reported without that");
    }

    [Test]
    public void A_descriptor_of_another_kind_is_refused()
    {
        var (one, other) = UnixSocket.CreatePair();
        using (other)
        {
            using var noProcess = HandedOver.With(("netdev/n0/connection", one), ("netdev/n0/program", EventFd.Create()));
            using var half = HandedOver.With(("netdev/n0/program", PidFd.Open(Environment.ProcessId)));

            Assert.That(
                () => User(Echo).Adopt(noProcess),
                Throws.TypeOf<NetException>().With.Message.EqualTo("netdev 'n0': netdev/n0/program: the descriptor of a process expected, this is none"));
            Assert.That(
                () => User(Echo).Adopt(half),
                Throws.TypeOf<NetException>().With.Message.EqualTo("netdev 'n0': netdev/n0/connection: missing, and netdev/n0/program came"));
        }
    }
}
