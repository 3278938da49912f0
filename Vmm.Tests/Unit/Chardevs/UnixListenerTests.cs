using Vmm.Core.Chardevs;

namespace Vmm.Tests.Unit.Chardevs;

/// <summary>Whose a listening socket's path is.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UnixListenerTests : IDisposable
{
    private readonly ChardevBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Test]
    public void A_path_where_somebody_listens_is_left_to_him_and_can_be_had_afterwards()
    {
        using var waiting = new UnixListener(_bench.Loop, _bench.PathOf("socket"));
        using (var first = new UnixListener(_bench.Loop, _bench.PathOf("socket")))
        {
            first.Open();

            Assert.That(waiting.TryOpen(), Is.False);
            Assert.That(waiting.Handle, Is.Null);
            Assert.That(UnixListener.IsTaken(_bench.PathOf("socket")), Is.True, "nothing happened to it");
            Assert.That(waiting.Open, Throws.InstanceOf<IOException>().With.Message.EndsWith("socket: Address already in use"));
        }

        Assert.That(waiting.TryOpen(), Is.True);
        Assert.That(UnixListener.IsTaken(_bench.PathOf("socket")), Is.True);
    }

    [Test]
    public void A_file_that_is_no_socket_is_nobody_that_could_leave()
    {
        File.WriteAllText(_bench.PathOf("file"), "");
        using var listener = new UnixListener(_bench.Loop, _bench.PathOf("file"));

        Assert.That(() => listener.TryOpen(), Throws.InstanceOf<IOException>().With.Message.Contains("Address already in use"));
        Assert.That(_bench.PathOf("file"), Does.Exist);
    }
}
