using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Chardevs;

/// <summary>What may be at a socket's path, and what becomes of it.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SocketNameTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmm-name-").FullName;

    private string SocketPath => Path.Combine(_folder, "s");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [TestCase("file", "a regular file")]
    [TestCase("directory", "a directory")]
    [TestCase("link", "a symbolic link")]
    [TestCase("dangling link", "a symbolic link")]
    [TestCase("link to a dead socket", "a symbolic link")]
    [TestCase("fifo", "a FIFO")]
    [Promise(49)]
    public void What_is_no_socket_is_never_replaced(string kind, string called)
    {
        string other = Path.Combine(_folder, "other");
        switch (kind)
        {
            case "file":
                File.WriteAllText(SocketPath, "precious");
                break;
            case "directory":
                Directory.CreateDirectory(SocketPath);
                break;
            case "fifo":
                Hosting.Fifo.Make(SocketPath);
                break;
            case "link to a dead socket":
                LeaveDead(other);
                File.CreateSymbolicLink(SocketPath, other);
                break;
            default:
                File.CreateSymbolicLink(SocketPath, kind == "link" ? _folder : other);
                break;
        }

        var before = HostFile.StatName(SocketPath);

        Assert.That(() => SocketName.TryListen(SocketPath, 1, out _), Throws.InstanceOf<IOException>().With.Message.EqualTo(
            $"Failed to bind socket to {SocketPath}: File exists: it is {called}, and only a socket is ever replaced"));
        Assert.That(HostFile.StatName(SocketPath)?.Identity, Is.EqualTo(before?.Identity));
    }

    [Test]
    [Promise(49)]
    public void A_socket_that_is_held_is_never_replaced_though_it_does_not_listen()
    {
        using var listening = SocketName.TryListen(SocketPath, 1, out _);

        Assert.That(SocketName.TryListen(SocketPath, 1, out _), Is.Null);
        Assert.That(UnixSocket.HasLiveListener(SocketPath), Is.True);
    }

    [Test]
    [Promise(49)]
    public void Of_many_who_race_for_a_name_that_was_left_behind_exactly_one_gets_it()
    {
        const int Rounds = 300;
        const int Racers = 4;
        using var start = new Barrier(Racers);
        var got = new SafeFileHandle?[Racers];
        var failures = new List<string>();
        void Race(int racer)
        {
            try
            {
                for (int round = 0; round < Rounds; round++)
                {
                    start.SignalAndWait();
                    got[racer] = SocketName.TryListen(SocketPath, 1, out var name);
                    start.SignalAndWait();
                    if (got[racer] is { } mine)
                    {
                        Judge(name!, mine, round);
                    }

                    // Closed without giving the name up: dead again for the next round.
                    start.SignalAndWait();
                    got[racer]?.Dispose();
                }
            }
            finally
            {
                start.RemoveParticipant();
            }
        }

        void Judge(SocketName name, SafeFileHandle mine, int round)
        {
            using var client = UnixSocket.Create();
            UnixSocket.Connect(client, SocketPath);
            using var accepted = HostSocket.Accept(mine);
            if (got.Count(g => g is not null) != 1 || accepted is null || !name.IsStillThere)
            {
                failures.Add($"round {round}: {got.Count(g => g is not null)} have it");
            }
        }

        LeaveDead(SocketPath);
        Task.WaitAll([.. Enumerable.Range(0, Racers).Select(racer => Task.Factory.StartNew(
            () => Race(racer), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))]);

        Assert.That(failures, Is.Empty);
        Assert.That(Directory.GetFileSystemEntries(_folder), Is.EqualTo(new[] { SocketPath }), "nothing is left that was moved aside");
    }

    [Test]
    [Promise(49)]
    public void A_lock_on_the_directory_keeps_no_process_from_replacing()
    {
        LeaveDead(SocketPath);
        using var hostile = FileLocks.TryLockDirectoryOf(SocketPath);
        Assert.That(hostile, Is.Not.Null);

        using var socket = SocketName.TryListen(SocketPath, 1, out _);

        Assert.That(socket, Is.Not.Null);
    }

    [Test]
    public void A_name_as_long_as_an_address_allows_is_replaced_too()
    {
        string longest = Path.Combine(_folder, new string('n', 107 - _folder.Length - 1));
        LeaveDead(longest);

        using var socket = SocketName.TryListen(longest, 1, out _);

        Assert.That(socket, Is.Not.Null);
    }

    [Test]
    [Promise(49)]
    public void A_name_that_is_another_sockets_now_is_not_removed()
    {
        using var own = SocketName.TryListen(SocketPath, 1, out var name);
        File.Delete(SocketPath);
        using var anothers = SocketName.TryListen(SocketPath, 1, out _);

        name!.Remove();

        Assert.That(UnixSocket.HasLiveListener(SocketPath), Is.True);
    }

    [Test]
    [Promise(49)]
    public void What_turns_out_to_be_alive_when_it_was_moved_aside_is_put_back()
    {
        using var alive = SocketName.TryListen(SocketPath, 1, out var name);

        Assert.That(UnixSocket.TryRemoveDead(SocketPath), Is.False);

        Assert.That(name!.IsStillThere, Is.True);
        Assert.That(Directory.GetFileSystemEntries(_folder), Is.EqualTo(new[] { SocketPath }));
    }

    [TestCase("gone")]
    [TestCase("a directory")]
    [Promise(49)]
    public void A_name_that_cannot_be_removed_at_the_end_is_no_error(string become)
    {
        using var bench = new ChardevBench();
        string inner = Directory.CreateDirectory(Path.Combine(_folder, "run")).FullName;
        var listener = new SocketListener(bench.Loop, Path.Combine(inner, "s"));
        listener.Open();
        Directory.Delete(inner, recursive: true);
        if (become != "gone")
        {
            Directory.CreateDirectory(Path.Combine(inner, "s"));
        }

        Assert.That(listener.Dispose, Throws.Nothing);
        Assert.That(Directory.Exists(Path.Combine(inner, "s")), Is.EqualTo(become != "gone"));
    }

    private static void LeaveDead(string path)
    {
        using var dead = UnixSocket.Create();
        UnixSocket.Listen(dead, path, 1);
    }
}
