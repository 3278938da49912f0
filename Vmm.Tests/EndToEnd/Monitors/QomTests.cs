using System.Text.Json;
using System.Text.Json.Nodes;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Monitors;

/// <summary>The tree of objects and the types, as management tools ask for them.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class QomTests : EndToEndTest
{
    private VmmProcess _vmm = null!;
    private QmpClient _qmp = null!;

    [SetUp]
    public async Task Boot()
    {
        _vmm = await StartAsync(TinyMachine.Booting("smp",
            "-smp", "2", "-monitor", "unix:a.hmp,server=on,wait=off", "-chardev", "null,id=c",
            "-device", "isa-serial,chardev=c,id=com,index=1", "-device", "isa-debug-exit,iobase=0xf4"));
        _qmp = await OpenQmpAsync(_vmm);
    }

    [Test]
    public async Task A_device_with_an_id_is_a_child_of_peripheral() =>
        Assert.That(await ListAsync("/machine/peripheral"), Is.EqualTo(new[] { "type string", "com child<isa-serial>" }));

    [TestCase("/machine/peripheral/com", "index", "1")]
    [TestCase("/machine/peripheral/com", "iobase", "760")]
    [TestCase("/machine/peripheral/com", "irq", "3")]
    [TestCase("com", "chardev", "\"c\"")]
    [TestCase("com", "realized", "true")]
    [TestCase("com", "hotpluggable", "false")]
    [TestCase("/machine/peripheral-anon/device[0]", "type", "\"isa-debug-exit\"")]
    [TestCase("/machine", "type", "\"microvm-machine\"")]
    [TestCase("/machine", "peripheral", "\"/machine/peripheral\"")]
    [TestCase("/", "machine", "\"/machine\"")]
    [TestCase("/objects/ram0", "share", "true")]
    [TestCase("/chardevs/c", "type", "\"chardev-null\"")]
    public async Task A_property_has_its_value(string path, string property, string value) =>
        Assert.That((await GetAsync(path, property)).GetRawText(), Is.EqualTo(value));

    [TestCase("/machine/nowhere", "type", "DeviceNotFound", "Device '/machine/nowhere' not found")]
    [TestCase("device[0]", "type", "GenericError", "Path 'device[0]' does not uniquely identify an object")]
    [TestCase("com", "colour", "GenericError", "Property 'isa-serial.colour' not found")]
    public async Task What_is_not_there_is_refused(string path, string property, string kind, string text)
    {
        var error = await Refused(() => GetAsync(path, property));

        Assert.That((error.Class, error.Message), Is.EqualTo((kind, text)));
    }

    [TestCase("index", "Attempt to set property 'index' on 'com' (type 'isa-serial') after it was realized")]
    [TestCase("type", "Insufficient permission to perform this operation")]
    public async Task A_property_cannot_be_set_once_its_device_is_there(string property, string text)
    {
        var error = await Refused(() => _qmp.ExecuteAsync("qom-set", new JsonObject { ["path"] = "com", ["property"] = property, ["value"] = 2 }));

        Assert.That(error.Message, Is.EqualTo(text));
    }

    [Test]
    public async Task Several_objects_are_read_at_once()
    {
        var objects = await _qmp.ExecuteAsync("qom-list-get", new JsonObject { ["paths"] = new JsonArray("com", "/machine/unattached") });

        Assert.That(objects.GetArrayLength(), Is.EqualTo(2));
        Assert.That(
            objects[0].GetProperty("properties").EnumerateArray().Select(p => $"{p.GetProperty("name")}={p.GetProperty("value")}"),
            Is.EqualTo(new[] { "type=isa-serial", "realized=True", "hotplugged=False", "hotpluggable=False", "iobase=760", "irq=3", "index=1", "chardev=c" }));
    }

    [TestCase(1024, true)]
    [TestCase(1025, false)]
    public async Task Objects_are_read_at_once_up_to_a_limit(int count, bool isAnswered)
    {
        var paths = new JsonObject { ["paths"] = new JsonArray([.. Enumerable.Range(0, count).Select(_ => JsonValue.Create("/"))]) };

        if (isAnswered)
        {
            Assert.That((await _qmp.ExecuteAsync("qom-list-get", paths)).GetArrayLength(), Is.EqualTo(count));
        }
        else
        {
            var error = await Refused(() => _qmp.ExecuteAsync("qom-list-get", paths));
            Assert.That(error.Message, Is.EqualTo("Parameter 'paths' expects at most 1024 paths, not 1025"));
        }
    }

    [Test]
    public async Task Every_driver_that_help_lists_is_a_type_and_lists_its_properties()
    {
        var types = (await _qmp.ExecuteAsync("qom-list-types", new JsonObject { ["implements"] = "isa-device" })).EnumerateArray()
            .Select(type => type.GetProperty("name").GetString()!).ToList();

        Assert.That(types, Is.EqualTo(new[] { "i8042", "isa-debug-exit", "isa-debugcon", "isa-serial", "mc146818rtc" }));
        var properties = await _qmp.ExecuteAsync("device-list-properties", new JsonObject { ["typename"] = "isa-debug-exit" });
        Assert.That(
            properties.EnumerateArray().Select(p => $"{p.GetProperty("name")} {p.GetProperty("type")} {p.GetProperty("default-value")}"),
            Is.EqualTo(new[] { "iobase uint16 1281", "iosize uint8 2" }));
    }

    [Test]
    public async Task A_type_that_is_not_known_has_no_properties_and_is_no_device()
    {
        var none = await _qmp.ExecuteAsync("qom-list-properties", new JsonObject { ["typename"] = "generic-pc-machine" });
        var error = await Refused(() => _qmp.ExecuteAsync("device-list-properties", new JsonObject { ["typename"] = "ide-hd" }));

        Assert.That(none.GetArrayLength(), Is.Zero);
        Assert.That((error.Class, error.Message), Is.EqualTo(("DeviceNotFound", "Device 'ide-hd' not found")));
    }

    [TestCase("info qom-tree", "(?m)^/machine \\(microvm-machine\\)\n  /peripheral \\(container\\)\n    /com \\(isa-serial\\)$")]
    [TestCase("info qtree", "(?m)^  dev: isa-serial, id \"com\"\n    iobase = 760$")]
    [TestCase("info mtree", "(?m)^  00000000000002f8-00000000000002ff \\(prio 0, i/o\\): isa-serial$")]
    [TestCase("info mtree", "(?m)^  0000000000000000-0000000000ffffff \\(prio 0, ram\\): ram$")]
    public async Task The_human_monitor_shows_the_trees(string line, string pattern)
    {
        var monitor = await OpenHmpAsync(_vmm, "a.hmp");

        Assert.That(await monitor.ExecuteAsync(line), Does.Match(pattern));
    }

    private static async Task<QmpException> Refused(Func<Task> command)
    {
        try
        {
            await command();
        }
        catch (QmpException refusal)
        {
            return refusal;
        }

        throw new AssertionException("the command was not refused");
    }

    private async Task<string[]> ListAsync(string path) =>
    [
        .. (await _qmp.ExecuteAsync("qom-list", new JsonObject { ["path"] = path })).EnumerateArray()
            .Select(property => $"{property.GetProperty("name")} {property.GetProperty("type")}"),
    ];

    private Task<JsonElement> GetAsync(string path, string property) =>
        _qmp.ExecuteAsync("qom-get", new JsonObject { ["path"] = path, ["property"] = property });
}
