using Vmm.CommandLine;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio.Console;
using Vmm.Tests.Unit.CommandLine;

namespace Vmm.Tests.Unit.Devices.Virtio.Console;

/// <summary>How ports find their console and their number.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class PortOptionTests
{
    private const string Console = "-device virtio-serial-device";
    private const string Port = "-device virtserialport";

    [TestCase($"{Console} {Port} {Port}", "virtio-serial-bus.0 1", "virtio-serial-bus.0 2")]
    [TestCase($"{Console},id=v {Port} -device virtconsole {Port}", "v.0 1", "v.0 0", "v.0 2")]
    [TestCase($"{Console} -device virtconsole -device virtconsole", "virtio-serial-bus.0 0", "virtio-serial-bus.0 1")]
    [TestCase($"{Console},max_ports=2 {Console} {Port} {Port}", "virtio-serial-bus.0 1", "virtio-serial-bus.1 1")]
    [TestCase($"{Console},id=a {Console} {Port} {Port},bus=virtio-serial-bus.0 {Port}", "a.0 1", "virtio-serial-bus.0 1", "a.0 2")]
    [TestCase($"{Console} {Port},nr=5 {Port}", "virtio-serial-bus.0 5", "virtio-serial-bus.0 1")]
    [TestCase($"{Console} {Port},nr=4294967295", "virtio-serial-bus.0 1")]
    [TestCase($"{Console} {Port} {Console} {Port}", "virtio-serial-bus.0 1", "virtio-serial-bus.0 2")]
    public void A_port_gets_the_first_bus_with_room_and_the_lowest_number(string options, params string[] places) =>
        Assert.That(Ports(options).Select(port => $"{port.Bus!.Name} {port.Get(PortType.Number)}"), Is.EqualTo(places));

    [TestCase(Port, "No 'virtio-serial-bus' bus found for device 'virtserialport': expected a device before it that has one, such as virtio-serial-device")]
    [TestCase($"{Port} {Console}", "No 'virtio-serial-bus' bus found for device 'virtserialport'")]
    [TestCase($"{Console} {Port},bus=foo.0", "Bus 'foo.0' not found: expected one of virtio-serial-bus.0")]
    [TestCase($"{Console},id=v {Port},bus=v", "Bus 'v' not found: expected one of v.0")]
    [TestCase($"{Console} {Port},nr=0", "Port number 0 on virtio-serial devices reserved for virtconsole devices for backward compatibility.")]
    [TestCase($"{Console} {Port},nr=31", "virtio-serial-bus: Out-of-range port id specified, max. allowed: 30")]
    [TestCase($"{Console} {Port} {Port},nr=1", "virtio-serial-bus: A port already exists at id 1")]
    [TestCase($"{Console},max_ports=2 {Port} {Port}", "virtio-serial-bus: Out-of-range port id specified, max. allowed: 1")]
    [TestCase($"{Console},max_ports=1 {Port}", "virtio-serial-bus: Out-of-range port id specified, max. allowed: 0")]
    [TestCase($"{Console},max_ports=0", "Maximum number of serial ports not specified")]
    [TestCase($"{Console},max_ports=32", "maximum ports supported: 31")]
    [TestCase($"{Console} {Console} {Port},name=a {Port},name=a,bus=virtio-serial-bus.1", "virtio-serial-bus: A port already exists by name a")]
    [TestCase($"{Console} {Port},chardev=c", "chardev 'c'")]
    [TestCase($"-chardev null,id=c {Console} {Port},chardev=c {Port},chardev=c", "chardev 'c' is in use by virtserialport 1 of device virtio-serial-device at virtio-mmio-bus.23")]
    public void A_port_without_a_place_is_refused_in_QEMUs_words(string options, string error) =>
        Assert.That(() => CommandLines.Machine(options), Throws.InstanceOf<CommandLineException>().With.Message.Contains(error));

    [Test]
    public void A_name_may_be_empty_which_is_not_the_same_as_none()
    {
        var ports = Ports($"{Console} {Port},name= {Port}");
        Assert.That(ports.Select(port => port.ValueOf(PortType.PortName)), Is.EqualTo(new[] { "", null }));
    }

    [Test]
    public void A_console_has_31_ports_at_most()
    {
        string all = $"{Console} -device virtconsole {string.Join(' ', Enumerable.Repeat(Port, 30))}";
        Assert.That(Ports(all).Select(port => port.Get(PortType.Number)), Is.EqualTo(Enumerable.Range(0, 31)));
        Assert.That(() => CommandLines.Machine($"{all} {Port}"), Throws.InstanceOf<CommandLineException>());
    }

    [Test]
    public void Defaults_are_QEMUs() => Assert.That(
        OptionHelp.Of("device", "virtio-serial-device,help"), Does.Contain("(default: 31)").And.Contain("(default: on)"));

    [Test]
    public void Every_port_must_agree_before_an_update()
    {
        string one = $"-chardev null,id=c {Console},id=v {Port},name=a,chardev=c -device virtconsole";
        string other = $"-chardev pty,id=c {Console},id=w {Port},name=b,chardev=c {Port}";
        Assert.That(GuestVisible(one).Except(GuestVisible(other)), Is.EqualTo(new[]
        {
            "virtserialport 1 of device virtio-serial-device at virtio-mmio-bus.23 name a",
            "virtserialport 1 of device virtio-serial-device at virtio-mmio-bus.23 chardev null",
            "virtconsole 0 of device virtio-serial-device at virtio-mmio-bus.23 nr 0",
            "virtconsole 0 of device virtio-serial-device at virtio-mmio-bus.23 name none",
            "virtconsole 0 of device virtio-serial-device at virtio-mmio-bus.23 chardev none",
        }));
    }

    [Test]
    public void How_a_console_is_called_and_the_order_of_options_may_differ() => Assert.That(
        GuestVisible($"{Console},id=v {Port},nr=1 {Port},nr=2,name=b"), Is.EquivalentTo(GuestVisible($"{Console} {Port},nr=2,name=b {Port},nr=1")));

    [Test]
    public void Owners_of_buses_come_before_the_devices_on_them()
    {
        DeviceConfiguration[] devices = [DeviceOption.Parse("virtserialport"), DeviceOption.Parse("virtio-rng-device"), DeviceOption.Parse("virtio-serial-device")];
        Assert.That(
            DeviceSet.Complete(devices).Select(device => device.Type.Name), Is.EqualTo(new[] { "virtio-rng-device", "virtio-serial-device", "virtserialport" }));
    }

    private static DeviceConfiguration[] Ports(string options) =>
        [.. CommandLines.Machine($"-nodefaults {options}").CompleteDevices.Where(device => device.Bus is not null)];

    private static string[] GuestVisible(string options) =>
        [.. GuestVisibleProperties.Of(CommandLines.Machine($"-nodefaults {options}")).Select(value => $"{value.Subject} {value.Property} {value.Value}")];
}
