using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Virtio.Console;
using Vmm.Core.Machines;
using Vmm.Core.Objects;
using Vmm.Tests.Unit.Machines;
using Vmm.Tests.Unit.Migration;

namespace Vmm.Tests.Unit.Devices.Virtio.Console;

/// <summary>A console and its ports in a machine.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ConsoleMachineTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Test]
    public void Ports_are_in_the_tree_with_their_bus_below_their_console()
    {
        var tree = ObjectTree.Of(_fixture.Old(WithPorts).Machine);

        var console = tree.Find("/machine/peripheral/vs", out _)!.Value.Node;
        Assert.That(console.Children.Select(child => $"{child.Name} {child.Type}"), Is.EqualTo(new[] { "vs.0 virtio-serial-bus" }));
        var port = tree.Find("/machine/peripheral/p", out _)!.Value.Node;
        Assert.That(port.Properties, Has.Member(new ObjectProperty("parent_bus", "link<bus>", "/machine/peripheral/vs/vs.0")));
        Assert.That(port.Properties, Has.Member(new ObjectProperty("nr", "uint32", 1ul)));
    }

    [Test]
    public void Ports_are_built_after_their_console_and_have_no_state_of_their_own()
    {
        var board = _fixture.Old(WithPorts).Board;

        Assert.That(
            board.Devices.Devices.Select(device => device.Configuration.Type.Name).Where(name => name.StartsWith("virt", StringComparison.Ordinal)),
            Is.EqualTo(new[] { "virtio-serial-device", "virtserialport", "virtconsole" }));
        Assert.That(board.Sections.Select(section => section.Name).Where(name => name.Contains("virt", StringComparison.Ordinal)),
            Is.EqualTo(new[] { "virtio-mmio@00000000feb02e00/virtio-console" }));
    }

    [Test]
    public void A_port_is_the_front_end_of_its_back_end()
    {
        var board = _fixture.Old(WithPorts).Board;
        Chardev Of(string id) => board.Chardevs.Single(chardev => chardev.Label == id);

        Assert.That((Of("c1").FrontendOpen, Of("c0").FrontendOpen), Is.EqualTo((false, true)), "the port that no guest has opened, and the console");
    }

    [Test]
    public async Task They_go_over_with_the_guest()
    {
        var old = _fixture.Old(WithPorts);
        var next = _fixture.New(WithPorts);
        await _fixture.HandOverAsync(old, next);

        Assert.That(next.Board.Devices.At("/machine/peripheral/p"), Is.InstanceOf<Port>());
        Assert.That(next.State, Is.EqualTo(RunState.Running));
    }

    private MachineConfiguration WithPorts => _fixture.Configuration with
    {
        Chardevs = [.. _fixture.Configuration.Chardevs, new NullChardevConfiguration("c0"), new NullChardevConfiguration("c1")],
        Devices =
        [
            .. _fixture.Configuration.Devices,
            .. new[] { "virtio-serial-device,id=vs", "virtserialport,id=p,name=a,chardev=c1", "virtconsole,chardev=c0" }.Select(DeviceOption.Parse),
        ],
    };
}
