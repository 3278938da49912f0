using System.Diagnostics.Metrics;
using Vmm.Migration;
using Vmm.Migration.Settings;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>What a listener on the meter receives of live updates.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MigrationMetricsTests : IDisposable
{
    private static readonly string[] Phases = ["prepare", "prefault", "drain", "kick", "save", "send", "load", "take", "resume"];

    private readonly HandoverFixture _fixture = new();
    private readonly MeterListener _listener = new();
    private readonly Lock _lock = new();
    private readonly List<(object Source, Instrument Instrument, double Value, string Tags)> _heard = [];

    public MigrationMetricsTests()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Vmm.Migration")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Receive(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Receive(instrument, value, tags));
        _listener.Start();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _fixture.Dispose();
    }

    [Test]
    public async Task A_completed_handover_is_counted_once_in_each_process()
    {
        var (old, next) = await HandOverAsync();
        Assert.Multiple(() =>
        {
            Assert.That(Of(old, "vmm.migration.handovers"), Is.EqualTo(new[] { (1.0, "vmm.migration.role=old vmm.migration.outcome=completed") }));
            Assert.That(Of(next, "vmm.migration.handovers"), Is.EqualTo(new[] { (1.0, "vmm.migration.role=new vmm.migration.outcome=completed") }));
        });
    }

    [Test]
    public async Task The_pause_and_its_phases_are_those_of_the_account_in_seconds()
    {
        var (old, next) = await HandOverAsync();
        foreach (var (host, role) in ((MachineHost, string)[])[(old, "old"), (next, "new")])
        {
            var times = host.Report.Times!;
            Assert.Multiple(() =>
            {
                Assert.That(Of(host, "vmm.migration.pause.duration"), Is.EqualTo(new[] { (times.Pause / 1e6, $"vmm.migration.role={role}") }));
                Assert.That(
                    Of(host, "vmm.migration.phase.duration").Select(m => m.Tags),
                    Is.EqualTo(Phases.Select(p => $"vmm.migration.role={role} vmm.migration.phase={p}")));
                Assert.That(Of(host, "vmm.migration.phase.duration")[6].Value, Is.EqualTo(times.Load / 1e6));
            });
        }
    }

    [Test]
    public void An_attempt_without_a_listener_counts_as_failed_and_has_no_pause()
    {
        var old = _fixture.Old();

        Assert.That(() => old.Migrate(_fixture.Channels), Throws.TypeOf<MigrationException>());

        Assert.Multiple(() =>
        {
            Assert.That(Of(old, "vmm.migration.handovers"), Is.EqualTo(new[] { (1.0, "vmm.migration.role=old vmm.migration.outcome=failed") }));
            Assert.That(Of(old, "vmm.migration.pause.duration"), Is.Empty);
        });
    }

    [Test]
    public async Task A_refused_attempt_counts_as_failed_in_both_processes()
    {
        var old = _fixture.Old();
        var next = _fixture.New(_fixture.Configuration with { Name = "another", RamSize = _fixture.Configuration.RamSize * 2 });

        Assert.That(await _fixture.MigrateAsync(old), Is.EqualTo("failed"));
        await next.Events.Of("failed");
        next.Do(() => { });

        Assert.Multiple(() =>
        {
            Assert.That(Of(old, "vmm.migration.handovers").Single().Tags, Does.EndWith("outcome=failed"));
            Assert.That(Of(next, "vmm.migration.handovers").Single().Tags, Does.EndWith("outcome=failed"));
            Assert.That(Of(next, "vmm.migration.pause.duration"), Is.Empty);
        });
    }

    [Test]
    public async Task The_instruments_say_their_units()
    {
        var (old, _) = await HandOverAsync();
        lock (_lock)
        {
            var units = _heard.Where(h => h.Source == old.Migrator).Select(h => (h.Instrument.Name, h.Instrument.Unit)).Distinct();
            Assert.That(units, Is.EquivalentTo(new[]
            {
                ("vmm.migration.handovers", "{handover}"), ("vmm.migration.pause.duration", "s"), ("vmm.migration.phase.duration", "s"),
            }));
        }
    }

    private async Task<(MachineHost Old, MachineHost New)> HandOverAsync()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        await _fixture.HandOverAsync(old, next);

        // What is recorded is recorded in the turn that reported the end; the next turn comes after it.
        old.Do(() => { });
        next.Do(() => { });
        return (old, next);
    }

    private List<(double Value, string Tags)> Of(MachineHost host, string instrument)
    {
        lock (_lock)
        {
            return [.. _heard.Where(h => h.Source == host.Migrator && h.Instrument.Name == instrument).Select(h => (h.Value, h.Tags))];
        }
    }

    private void Receive(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string text = string.Join(' ', tags.ToArray().Select(t => $"{t.Key}={t.Value}"));
        lock (_lock)
        {
            _heard.Add((instrument.Meter.Scope!, instrument, value, text));
        }
    }
}
