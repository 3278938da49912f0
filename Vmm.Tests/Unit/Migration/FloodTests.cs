using Vmm.Core.Machines;
using Vmm.Migration.Channels;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>A new process that sends valid messages without end holds neither the guest nor the process that has it.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class FloodTests : IDisposable
{
    /// <summary>Hello and Ready went before.</summary>
    private const uint AfterReady = 2;

    private readonly HandoverFixture _fixture = new();
    private readonly MachineHost _old;

    public FloodTests() => _old = _fixture.Old();

    public void Dispose() => _fixture.Dispose();

    [Test]
    [Promise(45)]
    public async Task One_that_breaks_the_main_channel_and_fills_the_other_leaves_the_guest_running()
    {
        using var peer = new PeerAsNew(_fixture);
        _old.Migrate(_fixture.Channels);
        await peer.SendReady();
        using var flood = await peer.BreakAndFlood();

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("failed"));
        await _old.Events.Of("RESUME");
        _fixture.AssertRunsIn(_old);
        await flood.Ended.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That(_old.Report.Error, Does.Contain("the main channel to").Or.Contain("where Taken was expected"));
    }

    [Test]
    [Promise(45)]
    public async Task One_that_gives_signs_of_life_without_a_pause_can_be_cancelled()
    {
        using var peer = new PeerAsNew(_fixture);
        _old.Migrate(_fixture.Channels);
        await peer.SendReady();
        using var flood = new Flood(peer.Cpr.Connection, AfterReady);
        for (int i = 0; i < 100; i++)
        {
            Assert.That(_old.State, Is.EqualTo(RunState.Running));
        }

        _old.Do(_old.Migrator.Cancel);

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("cancelled"));
        await flood.Ended.WaitAsync(TimeSpan.FromSeconds(30));
        _fixture.AssertRunsIn(_old);
    }

    [TestCase(MessageType.Refused)]
    [TestCase(MessageType.Failed)]
    [Promise(45)]
    public async Task Huge_reasons_full_of_escape_sequences_are_cut_and_written_out(object type)
    {
        using var peer = new PeerAsNew(_fixture);
        _old.Migrate(_fixture.Channels);
        await peer.ReceivePlan();
        await peer.Cpr.Send((MessageType)type, [.. Enumerable.Repeat($"\u001b[2J\n{new string('!', 60_000)}", 15)]);

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("failed"));
        string error = _old.Report.Error!;
        Assert.That(error, Has.Length.LessThan(ProtocolLimits.LongestTexts + 200));
        Assert.That(error, Does.Contain("\\x1b[2J\\n!!!"));
        Assert.That(error, Does.Contain("characters more").And.EndsWith(" more"));
        Assert.That(error.Any(char.IsControl), Is.False);
    }

    [Test]
    [Promise(45)]
    public async Task Huge_warnings_are_cut_and_written_out_in_the_log()
    {
        using var peer = new PeerAsNew(_fixture);
        peer.Warnings.AddRange(Enumerable.Repeat($"\u001b[2J\n{new string('!', 60_000)}", 15));
        _old.Migrate(_fixture.Channels);
        await peer.AcceptMain();
        peer.Main.Dispose();
        await HandoverFixture.EndOf(_old);

        string[] warnings = [.. _old.Log.Lines.Where(line => line.Contains("not as before", StringComparison.Ordinal))];
        Assert.That(warnings.Sum(line => line.Length), Is.InRange(1000, ProtocolLimits.LongestTexts + 1000));
        Assert.That(warnings.SelectMany(line => line).Any(char.IsControl), Is.False);
    }
}
