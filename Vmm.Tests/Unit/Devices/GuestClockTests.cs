using Microsoft.Extensions.Time.Testing;
using Vmm.Core.Devices.Clock;

namespace Vmm.Tests.Unit.Devices;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class GuestClockTests
{
    private const long Second = 1_000_000_000;

    private readonly FakeTimeProvider _host = new();

    [Test]
    public void Time_passes_only_between_thaw_and_freeze()
    {
        var clock = new GuestClock(_host);
        _host.Advance(TimeSpan.FromSeconds(5));
        clock.Thaw();
        _host.Advance(TimeSpan.FromSeconds(2));
        clock.Freeze();
        _host.Advance(TimeSpan.FromSeconds(7));

        Assert.That(clock.Nanoseconds, Is.EqualTo(2 * Second));
    }

    [Test]
    public void A_running_clock_continues_over_a_handover()
    {
        var old = new GuestClock(_host);
        old.Thaw();
        _host.Advance(TimeSpan.FromSeconds(3));

        var successor = Handover.Of(old, to: new GuestClock(_host));
        _host.Advance(TimeSpan.FromSeconds(1));

        Assert.That(successor.Nanoseconds, Is.EqualTo(4 * Second).And.EqualTo(old.Nanoseconds));
    }

    [Test]
    public void A_frozen_clock_stays_where_it_was_over_a_handover()
    {
        var old = new GuestClock(_host);
        old.Thaw();
        _host.Advance(TimeSpan.FromSeconds(3));
        old.Freeze();
        _host.Advance(TimeSpan.FromSeconds(9));

        var successor = Handover.Of(old, to: new GuestClock(_host));
        _host.Advance(TimeSpan.FromSeconds(9));
        successor.Thaw();
        _host.Advance(TimeSpan.FromSeconds(1));

        Assert.That(successor.Nanoseconds, Is.EqualTo(4 * Second));
    }
}
