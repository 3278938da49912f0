using System.Collections.Concurrent;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Chardevs;

/// <summary>Whose a listening socket's path is.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SocketListenerTests : IDisposable
{
    private readonly ChardevBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Test]
    public void A_path_where_a_process_listens_is_left_to_it_and_can_be_had_afterwards()
    {
        using var waiting = new SocketListener(_bench.Loop, _bench.PathOf("socket"));
        using (var first = new SocketListener(_bench.Loop, _bench.PathOf("socket")))
        {
            first.Open();

            Assert.That(waiting.TryOpen(), Is.False);
            Assert.That(waiting.Handle, Is.Null);
            Assert.That(SocketListener.IsTaken(_bench.PathOf("socket")), Is.True, "nothing happened to it");
            Assert.That(waiting.Open, Throws.InstanceOf<IOException>().With.Message.EndsWith("socket: Address already in use"));
        }

        Assert.That(waiting.TryOpen(), Is.True);
        Assert.That(SocketListener.IsTaken(_bench.PathOf("socket")), Is.True);
    }

    [Test]
    public void A_file_that_is_no_socket_is_no_process_that_could_leave()
    {
        File.WriteAllText(_bench.PathOf("file"), "");
        using var listener = new SocketListener(_bench.Loop, _bench.PathOf("file"));

        Assert.That(() => listener.TryOpen(), Throws.InstanceOf<IOException>().With.Message.Contains("File exists: it is a regular file"));
        Assert.That(_bench.PathOf("file"), Does.Exist);
    }

    [Test]
    [Promise(49)]
    public async Task One_that_another_process_shuts_down_listens_again_at_its_path()
    {
        var log = new LogLines();
        var clients = new BlockingCollection<SafeFileHandle>();
        using var listener = new SocketListener(_bench.Loop, _bench.PathOf("socket"), logger: log);
        listener.Open();
        listener.Start(clients.Add);

        for (int i = 0; i < 3; i++)
        {
            ShutDown(listener.Handle!);
            await ConnectAsync(_bench.PathOf("socket"));
            Assert.That(clients.TryTake(out var client, TimeSpan.FromSeconds(30)), Is.True);
            client!.Dispose();
        }

        Assert.That(log.Lines, Has.Count.EqualTo(3).And.All.Contains("was shut down by another process"));
    }

    [Test]
    [Promise(49)]
    public async Task One_that_was_taken_over_listens_again_too()
    {
        using var old = new SocketListener(_bench.Loop, _bench.PathOf("socket"));
        old.Open();
        var crossed = FileDescriptor.Duplicate(old.Handle!);
        var shared = FileDescriptor.Duplicate(old.Handle!);
        old.Release();
        var clients = new BlockingCollection<SafeFileHandle>();
        using var listener = new SocketListener(_bench.Loop, _bench.PathOf("socket"));
        listener.Adopt(crossed);
        listener.Start(clients.Add);

        ShutDown(shared);
        shared.Dispose();
        await ConnectAsync(_bench.PathOf("socket"));

        Assert.That(clients.TryTake(out var client, TimeSpan.FromSeconds(30)), Is.True);
        client!.Dispose();
    }

    [Test]
    [Promise(49)]
    public async Task One_whose_clients_are_accepted_elsewhere_is_renewed_and_says_so()
    {
        var renewed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var listener = new SocketListener(_bench.Loop, _bench.PathOf("socket"));
        listener.Open();
        var former = listener.Handle!;
        _bench.Loop.Send(_ => listener.Guard(renewed.SetResult), null);

        ShutDown(former);
        await renewed.Task.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.That(listener.Handle, Is.Not.SameAs(former));
        await ConnectAsync(_bench.PathOf("socket"));
    }

    [Test]
    [Promise(49)]
    public void One_without_a_path_of_its_own_takes_none()
    {
        var log = new LogLines();
        var inherited = UnixSocket.Create();
        UnixSocket.Listen(inherited, _bench.PathOf("socket"), 1);
        using var listener = new SocketListener(_bench.Loop, path: null, logger: log);
        listener.Adopt(inherited);
        listener.Start(_ => { });

        ShutDown(inherited);

        Assert.That(() => log.Lines, Has.Count.EqualTo(1).And.All.Contains("accepts no more clients").After(30_000, 5));
        Assert.That(_bench.PathOf("socket"), Does.Exist);
    }

    private static void ShutDown(SafeFileHandle listener)
    {
        using var shared = FileDescriptor.Duplicate(listener);
        using var socket = new Socket(new SafeSocketHandle(shared.DangerousGetHandle(), ownsHandle: false));
        socket.Shutdown(SocketShutdown.Both);
    }

    /// <summary>Until the listener has noticed, the name is that of a socket that refuses, or of none.</summary>
    private static async Task ConnectAsync(string path)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            try
            {
                using var client = UnixSocket.Create();
                UnixSocket.Connect(client, path);
                return;
            }
            catch (PosixException) when (!deadline.IsCancellationRequested)
            {
                await Task.Delay(5, deadline.Token);
            }
        }
    }
}
