using System.Text;
using Vmm.CommandLine;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio.Transports.Mmio;
using Vmm.Core.Objects;
using Vmm.Tests.Unit.CommandLine;

namespace Vmm.Tests.Unit.Devices.Virtio;

[Parallelizable(ParallelScope.All)]
public sealed class VirtioPlaceTests
{
    [Test]
    public void Places_are_filled_from_the_top() =>
        Assert.That(Places("-device virtio-rng-device -device virtio-rng-device,id=b"), Is.EqualTo(new[] { "virtio-mmio-bus.23", "virtio-mmio-bus.22" }));

    [Test]
    public void A_place_that_was_requested_is_left_free_by_the_others() =>
        Assert.That(Places("-device virtio-rng-device -device virtio-rng-device,bus=virtio-mmio-bus.23"), Is.EqualTo(new[] { "virtio-mmio-bus.22", "virtio-mmio-bus.23" }));

    [Test]
    public void Two_in_one_place_are_refused() => Refused(
        "-device virtio-rng-device,id=a,bus=virtio-mmio-bus.3 -device virtio-rng-device,id=b,bus=virtio-mmio-bus.3",
        "device b: virtio-mmio-bus.3 has device a already: expected another bus, or none for one that is free");

    [Test]
    public void There_are_24_places()
    {
        string all = string.Join(' ', Enumerable.Repeat("-device virtio-rng-device", 24));
        Assert.That(Places(all), Is.Unique.And.Length.EqualTo(24));
        Refused(
            $"{all} -device virtio-rng-device",
            "-device virtio-rng-device: the machine has places for 24 virtio devices, and all of them are taken: expected fewer devices");
    }

    [TestCase("period=0", "'period' parameter expects a positive integer")]
    [TestCase("max-bytes=0x8000000000000000", "'max-bytes' parameter must be non-negative, and less than 2^63")]
    [TestCase("max-bytes=-1", "Parameter 'max-bytes' expects a number from 0 to 18446744073709551615, not '-1'")]
    [TestCase("rng=r", "object 'r' not found: expected the id of an -object rng-builtin or rng-random")]
    [TestCase("bus=virtio-mmio-bus.24", "Parameter 'bus' expects one of virtio-mmio-bus.0")]
    public void A_wrong_property_of_the_rng_is_refused(string property, string error) => Refused($"-device virtio-rng-device,{property}", error);

    [Test]
    public void The_rng_has_QEMUs_defaults() => Assert.That(
        OptionHelp.Of("device", "virtio-rng-device,help"), Does.Contain("(default: 9223372036854775807)").And.Contain("(default: 65536)"));

    [Test]
    public void Sources_are_objects()
    {
        var machine = CommandLines.Machine("-object rng-random,id=a -object rng-random,id=b,filename=/dev/hwrng -object rng-builtin,id=c -device virtio-rng-device,rng=c");
        Assert.That(machine.Rngs, Is.EqualTo(new RngConfiguration[]
        {
            new FileRngConfiguration("a"), new FileRngConfiguration("b") { Filename = "/dev/hwrng" }, new BuiltinRngConfiguration("c"),
        }));
    }

    [TestCase("-object rng-random,id=a -object rng-builtin,id=a", "Duplicate object ID 'a'")]
    [TestCase("-object rng-builtin", "Parameter 'id' is missing")]
    [TestCase("-object rng-builtin,id=a,filename=/x", "Invalid parameter 'filename'")]
    [TestCase("-object rng-egd,id=a", "invalid object type: rng-egd: expected iothread, memory-backend-file, memory-backend-memfd")]
    [TestCase("-global virtio-mmio.force-legacy=on", "virtio-mmio.force-legacy=on: legacy virtio-mmio (version 1) is not there")]
    public void A_wrong_option_is_refused(string option, string error) => Refused(option, error);

    [TestCase("virtio-mmio.force-legacy=off")]
    [TestCase("driver=virtio-mmio,property=force-legacy,value=off")]
    public void Not_being_legacy_is_accepted(string global) => Assert.That(() => CommandLines.Machine($"-global {global}"), Throws.Nothing);

    [Test]
    public void Help_and_introspection_have_the_types()
    {
        Assert.That(OptionHelp.Of("object", "help"), Does.Contain("  rng-builtin\n  rng-random\n"));
        Assert.That(
            ObjectType.All.Select(type => type.Name), Is.SupersetOf(new[] { "rng-builtin", "rng-random", "virtio-mmio", "virtio-rng-device" }));
    }

    [Test]
    public void Where_a_device_is_must_agree_before_an_update_and_its_limits_need_not()
    {
        string[] one = Properties(GuestVisibleProperties.Of, "-device virtio-rng-device,bus=virtio-mmio-bus.5,max-bytes=7");
        string[] other = Properties(GuestVisibleProperties.Of, "-device virtio-rng-device,bus=virtio-mmio-bus.6,max-bytes=8");
        Assert.That(one.Except(other), Is.EqualTo(new[] { "device virtio-rng-device at virtio-mmio-bus.5 bus virtio-mmio-bus.5" }));
        Assert.That(Properties(HostOnlyProperties.Of, "-device virtio-rng-device,max-bytes=7"), Does.Contain("device virtio-rng-device at virtio-mmio-bus.23 max-bytes 7"));
    }

    [Test]
    public void A_place_with_a_device_is_announced()
    {
        byte[] node = new VirtioMmioSlot(23).Aml();
        Assert.That(Encoding.Latin1.GetString(node), Does.Contain("VR23").And.Contain("LNRO0005"));
    }

    private static string[] Properties(Func<MachineConfiguration, IEnumerable<PropertyValue>> of, string options) =>
        [.. of(CommandLines.Machine(options)).Select(fact => $"{fact.Subject} {fact.Property} {fact.Value}")];

    private static string[] Places(string options) =>
    [
        .. CommandLines.Machine($"-nodefaults {options}").CompleteDevices.Select(device => device.TextOf(VirtioMmioType.Place)),
    ];

    private static void Refused(string options, string error) =>
        Assert.That(() => CommandLines.Machine(options), Throws.InstanceOf<CommandLineException>().With.Message.Contains(error));
}
