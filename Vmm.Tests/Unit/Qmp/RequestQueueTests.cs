using Vmm.Qmp.Wire;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>What waits behind a request that runs.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RequestQueueTests
{
    private readonly List<QmpRequest> _dropped = [];
    private readonly RequestQueue _queue;

    public RequestQueueTests() => _queue = new RequestQueue(static _ => { }, _dropped.Add);

    [Test]
    public void Nothing_more_is_read_while_long_requests_wait()
    {
        var running = Request(0);
        var longest = Request(RequestQueue.MostBytesWaiting - 1);
        _queue.Add(running);
        _queue.Add(longest);
        Assert.That(_queue.HasRoom(readAhead: true), Is.True);

        _queue.Add(Request(1));

        Assert.That(_queue.HasRoom(readAhead: true), Is.False);
        _queue.Answered(running);
        Assert.That(_queue.HasRoom(readAhead: true), Is.True, "the long one runs and waits no more");
    }

    [Test]
    public void What_waits_and_what_was_not_taken_is_dropped_once()
    {
        var due = Request(0);
        var waiting = Request(0);
        _queue.Add(due);
        _queue.Add(waiting);

        _queue.Close();
        _queue.Close();

        Assert.That(_dropped, Is.EquivalentTo(new[] { due, waiting }));
    }

    [Test]
    public async Task What_was_taken_is_not_dropped()
    {
        var taken = Request(0);
        _queue.Add(taken);
        Assert.That(await _queue.NextAsync(default), Is.SameAs(taken));

        _queue.Close();

        Assert.That(_dropped, Is.Empty);
        Assert.That(await _queue.NextAsync(default), Is.Null);
    }

    private static QmpRequest Request(int bytes) => new(1) { CommandArguments = new byte[bytes] };
}
