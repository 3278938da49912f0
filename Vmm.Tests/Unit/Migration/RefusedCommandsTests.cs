using Vmm.Core.Machines;
using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Migration.Settings;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Commands that are refused, with the texts that clients match.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RefusedCommandsTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Test]
    public void A_URI_without_the_parameter_cpr_uri() => RefusesQuietly(_fixture.Uri, "cpr-transfer mode requires setting cpr-uri");

    [Test]
    public void A_cpr_uri_that_is_not_unix() =>
        RefusesQuietly(_fixture.Uri, "bad cpr-uri tcp:localhost:1; must be unix:", p => p with { CprUri = "tcp:localhost:1" });

    [Test]
    public void Channels_without_a_cpr_channel() => RefusesQuietly(
        MigrationTarget.FromChannels([(false, new UnixAddress(_fixture.MainPath))]),
        "missing 'cpr' migration channel");

    [Test]
    public void A_file_as_main_channel() => RefusesQuietly(
        MigrationTarget.FromChannels([(false, new FileAddress("/x", 0)), (true, new UnixAddress(_fixture.CprPath))]),
        "Migration requires streamable transport (eg unix)");

    [Test]
    public void A_vsock_as_main_channel() => RefusesQuietly(
        MigrationTarget.FromChannels([(false, new VsockAddress("1", "1")), (true, new UnixAddress(_fixture.CprPath))]),
        "cpr-transfer requires a unix channel");

    [Test]
    public void Two_channels_of_a_type() => Assert.Multiple(() =>
    {
        var main = (false, (ChannelAddress)new UnixAddress("m"));
        var cpr = (true, (ChannelAddress)new UnixAddress("c"));
        Assert.That(() => MigrationTarget.FromChannels([main, main]), Refused("Channel list has more than one main entry"));
        Assert.That(() => MigrationTarget.FromChannels([main, cpr, cpr]), Refused("Channel list has more than one cpr entry"));
        Assert.That(() => MigrationTarget.FromChannels([cpr]), Refused("Channel list has no main entry"));
    });

    [Test]
    public void No_target() =>
        RefusesQuietly(MigrationTarget.None, "need either 'uri' or 'channels' argument", p => p with { CprUri = $"unix:{_fixture.CprPath}" });

    [Test]
    public async Task No_target_for_a_guest_that_is_saved()
    {
        var old = _fixture.Old();
        old.Set(p => p with { Mode = MigrationMode.Normal });
        await old.DoAsync(old.Machine.StopAsync);
        old.Events.Clear();

        Assert.That(() => old.Migrate(MigrationTarget.None), Refused("need either 'uri' or 'channels' argument"));
        Assert.That(old.Events.All, Is.Empty);
    }

    [Test]
    public void RAM_that_is_not_shared()
    {
        var old = _fixture.Old(_fixture.Configuration with { AuxRamShare = false });
        const string Reason = "Memory region microvm.ram is not compatible with CPR. share=on is required for memory-backend objects, and aux-ram-share=on is required.";

        Assert.That(old.Report.Blockers, Is.EqualTo(new[] { Reason }), "reported before a migration is asked for");
        Assert.That(() => old.Migrate(_fixture.Channels), Refused(Reason));
        AssertUntouched(old);
    }

    [Test]
    public void The_normal_mode()
    {
        var old = _fixture.Old();
        old.Set(p => p with { Mode = MigrationMode.Normal });
        Assert.That(() => old.Migrate(_fixture.Channels), Throws.TypeOf<MigrationException>().With.Message.Contains("'cpr-transfer'"));
        AssertUntouched(old);
    }

    [Test]
    public void A_cpr_path_where_no_process_listens() =>
        RefusesLoudly(_fixture.Channels, $"Failed to connect to '{_fixture.CprPath}': No such file or directory");

    [Test]
    public void A_cpr_path_that_is_left_behind()
    {
        File.WriteAllBytes(_fixture.CprPath, []);
        RefusesLoudly(_fixture.Channels, $"Failed to connect to '{_fixture.CprPath}': Connection refused");
    }

    [Test]
    public void A_cpr_channel_that_is_not_unix() => RefusesLoudly(
        MigrationTarget.FromChannels([(false, new UnixAddress(_fixture.MainPath)), (true, new InetAddress("localhost", "1"))]),
        "bad cpr channel address; must be unix");

    [Test]
    public void A_cpr_path_too_long_for_a_socket()
    {
        string path = "/" + new string('x', 200);
        RefusesLoudly(
            MigrationTarget.FromChannels([(false, new UnixAddress(_fixture.MainPath)), (true, new UnixAddress(path))]),
            $"UNIX socket path '{path}' has 201 bytes");
    }

    [Test]
    public async Task A_main_path_without_a_listener_fails_the_migration_and_not_the_command()
    {
        var old = _fixture.Old();
        _fixture.New();
        string nowhere = _fixture.Files.Path("nowhere");
        var target = MigrationTarget.FromChannels([(false, new UnixAddress(nowhere)), (true, new UnixAddress(_fixture.CprPath))]);

        Assert.That(await _fixture.MigrateAsync(old, target), Is.EqualTo("failed"));

        Assert.That(old.Report.Error, Is.EqualTo($"Failed to connect to '{nowhere}': No such file or directory"));
        Assert.That(old.Events.All, Is.EqualTo(new[] { "setup", "failed" }));
        _fixture.AssertRunsIn(old);
    }

    [Test]
    [Promise(12)]
    public async Task A_second_migrate_and_new_parameters_while_one_is_under_way()
    {
        var old = _fixture.Old();
        var next = _fixture.Deferred();
        old.Migrate(_fixture.Channels);
        const string Reason = "There's a migration process in progress";

        Assert.Multiple(() =>
        {
            Assert.That(() => old.Migrate(_fixture.Channels), Refused(Reason));
            Assert.That(() => old.Set(p => p with { Mode = MigrationMode.Normal }), Refused(Reason));
            Assert.That(() => old.Do(() => old.Migrator.SetCapabilities(new MigrationCapabilities())), Refused(Reason));
        });

        await next.HasBuilt();
        next.Do(() => next.Migrator.StartIncoming(new UnixAddress(_fixture.MainPath)));
        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("completed"), old.Report.Error);
    }

    [Test]
    public void Migrate_in_a_process_that_waits_for_a_guest()
    {
        var next = _fixture.Deferred();
        next.Set(p => p with { Mode = MigrationMode.CprTransfer });
        Assert.That(() => next.Migrate(_fixture.Channels), Refused("Guest is waiting for an incoming migration"));
    }

    [Test]
    public void Migrate_incoming_where_it_does_not_belong()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        var main = new UnixAddress(_fixture.Files.Path("another"));
        Assert.Multiple(() =>
        {
            Assert.That(() => old.Do(() => old.Migrator.StartIncoming(main)), Refused("'-incoming' was not specified on the command line"));
            Assert.That(() => next.Do(() => next.Migrator.StartIncoming(main)), Refused("The incoming migration has already been started"));
        });
    }

    [Test]
    public void Migrate_incoming_at_an_address_that_cannot_be_had_may_be_repeated()
    {
        var next = _fixture.Deferred();
        Assert.Multiple(() =>
        {
            Assert.That(
                () => next.Do(() => next.Migrator.StartIncoming(new VsockAddress("1", "1"))),
                Refused("cpr-transfer requires a unix channel, 'vsock:1:1' is none"));
            Assert.That(
                () => next.Do(() => next.Migrator.StartIncoming(new UnixAddress("/nowhere/at/all"))),
                Refused("Failed to bind socket to /nowhere/at/all: No such file or directory"));
        });
        next.Do(() => next.Migrator.StartIncoming(new UnixAddress(_fixture.MainPath)));
        Assert.That(next.Report.Status, Is.EqualTo(MigrationStatus.Setup));
    }

    [Test]
    [Promise(15)]
    public void A_path_where_another_process_listens_is_not_stolen()
    {
        _fixture.New();
        var second = _fixture.Host();
        Assert.That(
            () => second.AwaitGuest(_fixture.CprPath, null),
            Throws.TypeOf<HandoverException>().With.Message.EqualTo($"Failed to bind socket to {_fixture.CprPath}: another process listens there"));
        Assert.That(_fixture.Files.Names, Does.Contain("cpr"));
    }

    [Test]
    public async Task A_stopped_guest_that_was_shut_down_is_not_handed_over_and_its_back_ends_continue()
    {
        var old = _fixture.Old(_fixture.Configuration with { NoShutdown = true });
        old.Machine.Requests.RequestShutdown();
        await old.Events.Of("STOP");
        _fixture.New();

        Assert.That(await _fixture.MigrateAsync(old), Is.EqualTo("failed"));

        Assert.That(old.Report.Error, Is.EqualTo("a guest in run state shutdown cannot be handed over"));
        Assert.That(old.State, Is.EqualTo(RunState.Shutdown));
        Assert.That(old.Ask(m => m.Board!.Chardevs.All(c => c.IsRunning)), Is.True);
    }

    private static NUnit.Framework.Constraints.EqualStringConstraint Refused(string reason) =>
        Throws.TypeOf<MigrationException>().With.Message.EqualTo(reason);

    /// <summary>An argument error: no status, no event.</summary>
    private void RefusesQuietly(MigrationTarget target, string reason, Func<MigrationParameters, MigrationParameters>? parameters = null)
    {
        var old = _fixture.Old();
        old.Set(parameters ?? (static p => p));
        Assert.That(() => old.Migrate(target), Refused(reason));
        AssertUntouched(old);
    }

    /// <summary>A connection error: the command fails, and so does a migration that had begun.</summary>
    private void RefusesLoudly(MigrationTarget target, string reason)
    {
        var old = _fixture.Old();
        Assert.That(() => old.Migrate(target), Throws.TypeOf<MigrationException>().With.Message.StartsWith(reason));
        Assert.Multiple(() =>
        {
            Assert.That(old.Events.All, Is.EqualTo(new[] { "setup", "failed" }));
            Assert.That(old.Report.Error, Does.StartWith(reason));
        });
        _fixture.AssertRunsIn(old);
        old.Set(p => p);
    }

    private void AssertUntouched(MachineHost old)
    {
        Assert.Multiple(() =>
        {
            Assert.That(old.Events.All, Is.Empty);
            Assert.That(old.Report.Status, Is.EqualTo(MigrationStatus.None));
        });
        _fixture.AssertRunsIn(old);
    }
}
