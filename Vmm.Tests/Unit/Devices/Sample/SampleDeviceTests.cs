using System.Runtime.CompilerServices;
using Vmm.CommandLine;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;
using Vmm.Core.Machines;
using Vmm.Core.Objects;
using Vmm.Lab.Drivers;
using Vmm.Migration.Handover;
using Vmm.Tests.Unit.CommandLine;
using Vmm.Tests.Unit.Machines;
using Vmm.Tests.Unit.Migration;

namespace Vmm.Tests.Unit.Devices.Sample;

/// <summary>A device that is one folder: nothing outside of this folder names it, and yet it is everywhere.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SampleDeviceTests : IDisposable
{
    private const string Path = "/machine/peripheral/smp";

    private readonly HandoverFixture _fixture = new();

    private MachineConfiguration WithSample => With("sample-device,id=smp,chardev=log");

    public void Dispose() => _fixture.Dispose();

    [Test]
    public void The_list_of_drivers_has_it() => Assert.That(OptionHelp.Of("device", "help"), Does.Contain(
        "name \"sample-device\", bus ISA, desc \"a device with one of everything\"\n"));

    [Test]
    public void Its_help_has_each_property_with_its_type_and_default() => Assert.That(OptionHelp.Of("device", "sample-device,help"), Is.EqualTo("""
        sample-device options:
          iobase=<uint16>        - its I/O port (default: 0x700)
          irq=<uint8>            - its ISA interrupt (default: 5)
          inverts=<bool>         - whether it reads back the complement (default: off)
          mode=<SampleMode>      - what it does at an alarm (default: once)
          window=<size>          - a size that a guest could see (default: 4096)
          note=<str>             - a note for the operator
          chardev=<str>          - where the written bytes go (required)

        """));

    [TestCase("", "Parameter 'chardev' is missing")]
    [TestCase(",chardev=c,iobase=0x10000", "Parameter 'iobase' expects a number from 1 to 65535, not '0x10000'")]
    [TestCase(",chardev=c,inverts=maybe", "Parameter 'inverts' expects 'on' or 'off', not 'maybe'")]
    [TestCase(",chardev=c,mode=never", "Parameter 'mode' expects one of once, always, not 'never'")]
    [TestCase(",chardev=c,window=2M", "Parameter 'window' expects a size from 0 to 1048576 bytes")]
    [TestCase(",chardev=c,note=", "Parameter 'note' expects a value, not ''")]
    [TestCase(",chardev=c,colour=red", "Invalid parameter 'colour'")]
    public void A_wrong_property_is_refused_with_what_was_expected(string properties, string error) =>
        Assert.That(
            () => CommandLines.Machine($"-chardev null,id=c -device sample-device{properties}"),
            Throws.InstanceOf<CommandLineException>().With.Message.Contains(error));

    [Test]
    public void Properties_are_read_as_JSON_too()
    {
        var machine = CommandLines.Machine(
            """-nodefaults -chardev null,id=c -device '{"driver":"sample-device","chardev":"c","iobase":1793,"inverts":true,"window":8192}'""");

        Assert.That(machine.Devices.Single().ToString(), Is.EqualTo("sample-device,chardev=c,inverts=on,iobase=0x701,window=8192"));
    }

    [Test]
    public void What_a_guest_can_see_must_agree_before_an_update() => Assert.That(
        Differing(GuestVisibleProperties.Of, ",window=8192", ",note=x,mode=always"),
        Is.EqualTo(new[] { "device smp mode once", "device smp window 8192" }));

    [Test]
    public void What_only_the_host_can_see_is_reported() => Assert.That(
        Differing(HostOnlyProperties.Of, ",note=a,window=8192", ",note=b"), Is.EqualTo(new[] { "device smp note a" }));

    [Test]
    public void It_is_in_the_tree_under_its_id() =>
        Assert.That(Running().Board.Devices.At(Path)?.Configuration.Type, Is.SameAs(SampleType.Instance));

    [Test]
    public void One_without_an_id_is_in_the_tree_under_its_number()
    {
        var host = _fixture.Old(With("sample-device,chardev=log"));

        Assert.That(host.Board.Devices.Devices.Single(device => device.Configuration.Type == SampleType.Instance).Path, Does.Match(@"^/machine/peripheral-anon/device\[\d\]$"));
    }

    [Test]
    public void The_tree_says_that_it_can_be_plugged() => Assert.That(
        ObjectTree.Of(Running().Machine).Find(Path, out _)!.Value.Node.Properties,
        Has.Member(new ObjectProperty("hotpluggable", "bool", true)).And.Member(new ObjectProperty("window", "size", 4096ul)));

    [Test]
    public void Its_layout_is_as_its_golden_file_says() => LayoutGoldenTests.AssertGolden(SampleType.Instance.Layouts, Folder());

    [Test]
    public void Its_state_is_read_by_the_description_of_a_stream_alone()
    {
        var board = Running().Board;
        board.PortWrite(0x701, 1, 9);
        board.PortWrite(0x700, 1, 2);

        var lines = StreamAnalysis.Of(VmStateDescriptionTests.Described(RamTable.Of(board), board.Sections));

        Assert.That(lines.Where(line => line.StartsWith($"{Path}/0", StringComparison.Ordinal)), Is.EqualTo(new[]
        {
            $"{Path}/0.written = 1",
            $"{Path}/0.history[0] = 0",
            $"{Path}/0.history[1] = 0",
            $"{Path}/0.history[2] = 1",
            $"{Path}/0.history[3] = 0",
            $"{Path}/0.last.value = 2",
            $"{Path}/0:sample/alarm.alarm = 9",
        }));
    }

    [Test]
    public void Its_state_is_found_by_its_path() =>
        Assert.That(Running().Board.Sections.Select(section => section.Name), Does.Contain(Path));

    [Test]
    public async Task Its_state_goes_over_with_the_guest()
    {
        var old = Running();
        foreach (byte value in "vmm"u8)
        {
            old.Board.PortWrite(0x700, 1, value);
        }

        var next = _fixture.New(WithSample);
        await _fixture.HandOverAsync(old, next);

        Assert.That(next.Board.PortRead(0x700, 1), Is.EqualTo((uint)'m'), "the last byte");
        Assert.That(next.Board.PortRead(0x701, 1), Is.EqualTo(3), "how many there were");
    }

    [Test]
    public async Task What_it_has_in_flight_is_waited_for_within_a_limit_and_the_guest_runs_on()
    {
        var old = Running();
        old.Set(parameters => parameters with { CprDrainTimeout = 50 });
        var device = (SampleDevice)old.Board.Devices.At(Path)!;
        device.InFlight = new TaskCompletionSource().Task;
        var refused = _fixture.New(WithSample);

        Assert.That(await _fixture.MigrateAsync(old), Is.EqualTo("failed"));
        Assert.That(old.Report.Error, Does.Contain("device smp has requests that the host has not finished within 50 ms"));
        _fixture.AssertRunsIn(old);
        await refused.Events.Of("failed");

        device.InFlight = Task.CompletedTask;
        var next = _fixture.New(WithSample);
        await _fixture.HandOverAsync(old, next);
        _fixture.AssertRunsIn(next);
    }

    [Test]
    [Promise(52)]
    public async Task A_stop_waits_for_what_it_has_in_flight()
    {
        var host = Running();
        var device = (SampleDevice)host.Board.Devices.At(Path)!;
        var inFlight = new TaskCompletionSource();
        device.InFlight = inFlight.Task;

        var stop = host.DoAsync(host.Machine.StopAsync);
        await device.Drained.Task.WaitAsync(Timeouts.Answer);
        host.Do(() => { });
        Assert.That(host.Events.All, Does.Not.Contain("STOP"));
        inFlight.SetResult();
        await stop;

        Assert.That((host.State, host.Events.All[^1]), Is.EqualTo((RunState.Paused, "STOP")));
    }

    [Test]
    public async Task A_host_that_never_finishes_it_does_not_keep_the_guest_from_being_stopped()
    {
        var host = Running();
        host.Machine.QueueDrainLimit = TimeSpan.FromMilliseconds(50);
        ((SampleDevice)host.Board.Devices.At(Path)!).InFlight = new TaskCompletionSource().Task;

        await host.DoAsync(host.Machine.StopAsync);
        Assert.That(host.State, Is.EqualTo(RunState.Paused));
        await host.DoAsync(host.Machine.ContinueAsync);
        Assert.That(host.State, Is.EqualTo(RunState.Running));
    }

    [Test]
    public void A_reset_of_the_machine_resets_it()
    {
        var host = Running();
        host.Board.PortWrite(0x700, 1, 7);

        host.Do(host.Board.Reset);

        Assert.That(host.Board.PortRead(0x701, 1), Is.Zero);
    }

    [Test]
    public void Two_on_the_same_port_are_refused()
    {
        var host = _fixture.Host(With("sample-device,id=a,chardev=log", "sample-device,id=b,chardev=log"));

        Assert.That(() => host.Do(host.Machine.PowerOn), Throws.InstanceOf<Vmm.Core.Machines.MachineException>().With.Message.EqualTo(
            "device b: I/O port 0x700 is already in use"));
    }

    private static string Folder([CallerFilePath] string here = "") => System.IO.Path.GetDirectoryName(here)!;

    private MachineHost Running() => _fixture.Old(WithSample);

    private MachineConfiguration With(params string[] devices) => _fixture.Configuration with
    {
        Chardevs = [.. _fixture.Configuration.Chardevs, new NullChardevConfiguration("log")],
        Devices = [.. _fixture.Configuration.Devices, .. devices.Select(DeviceOption.Parse)],
    };

    /// <summary>What the first of two machines says that the second does not.</summary>
    private string[] Differing(Func<MachineConfiguration, IEnumerable<PropertyValue>> of, string one, string other) =>
    [
        .. of(With($"sample-device,id=smp,chardev=log{one}")).Except(of(With($"sample-device,id=smp,chardev=log{other}")))
            .Select(property => $"{property.Subject} {property.Property} {property.Value}"),
    ];
}
