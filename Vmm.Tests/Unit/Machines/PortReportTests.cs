using Vmm.Core.Machines;
using Vmm.Tests.Unit.Migration;

namespace Vmm.Tests.Unit.Machines;

/// <summary>What management is told of ports that a guest opens and closes.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PortReportTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();
    private readonly MachineHost _host;
    private readonly PortReport _report;

    public PortReportTests()
    {
        _host = _fixture.Old(_fixture.Configuration);
        _report = new PortReport(_host.Machine, "p");
    }

    public void Dispose() => _fixture.Dispose();

    [Test]
    public async Task A_change_is_reported_at_once()
    {
        _report.PortIs(open: true);
        await _host.Events.Of("PORT p open");
    }

    [Test]
    public async Task What_changed_within_a_second_is_reported_after_it()
    {
        _report.PortIs(open: true);
        await _host.Events.Of("PORT p open");
        _report.PortIs(open: false);
        await _host.Events.Of("PORT p closed");
    }

    [Test]
    public async Task Changes_without_end_are_few_events_of_which_the_last_is_right()
    {
        _report.PortIs(open: true);
        await _host.Events.Of("PORT p open");
        for (int i = 0; i < 10_000; i++)
        {
            _report.PortIs(open: i % 2 != 0);
        }

        _report.PortIs(open: false);
        await _host.Events.Of("PORT p closed");
        Assert.That(_host.Events.All.Count(line => line.StartsWith("PORT", StringComparison.Ordinal)), Is.LessThan(100));
    }

    [Test]
    public void What_is_as_it_was_is_no_event()
    {
        _report.PortIs(open: false);
        _host.Do(() => { });
        Assert.That(_host.Events.All.Where(line => line.StartsWith("PORT", StringComparison.Ordinal)), Is.Empty);
    }
}
