// QEMU itself says what its sections are: it saves the same machine here, and the descriptions at the ends of both files are compared, section by section.
// What depends on what a guest did, which subsections there are, is compared where both files have it.

using System.Text.Json;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.EndToEnd.Saving;

/// <summary>The sections of a saved guest's file that QEMU has too.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class QemuLayoutTests : UpdateTest
{
    private static readonly string[] Both =
    [
        "-blockdev", "driver=null-co,node-name=disk0", "-device", "virtio-blk-device,drive=disk0,num-queues=1",
        "-device", "virtio-rng-device",
        "-chardev", "null,id=c0", "-device", "virtio-serial-device", "-device", "virtconsole,chardev=c0",
        "-serial", "null",
    ];

    [Test]
    [Promise(57)]
    public async Task Each_section_that_QEMU_has_too_has_its_layout()
    {
        var theirs = await SectionsOfQemuAsync();
        var ours = await SectionsOfOursAsync();

        string[] expected =
        [
            "timer 0", "ioapic 0", "ioapic 1", "i8259 0", "i8259 1", "i8254 0", "kvmclock 0", "mc146818rtc 0", "serial 0", "globalstate 0",
            "cpu_common 0", "cpu 0", "apic 0", $"{Slot("2e")}/virtio-blk 0", $"{Slot("2c")}/virtio-rng 0", $"{Slot("2a")}/virtio-console 0", $"{Slot("28")}/virtio-net 0",
        ];
        Assert.That(ours.Keys.Intersect(theirs.Keys), Is.SupersetOf(expected));
        Assert.Multiple(() =>
        {
            foreach (string section in ours.Keys.Intersect(theirs.Keys))
            {
                Assert.That(Lines(ours[section], theirs[section]), Is.EqualTo(Lines(theirs[section], ours[section])), section);
            }
        });
    }

    private static string[] Devices(string network) =>
        [.. Both, "-netdev", $"stream,id=n0,server=on,addr.type=unix,addr.path={network}.net", "-device", "virtio-net-device,netdev=n0,mac=52:54:00:12:34:56"];

    private static string Slot(string number) => $"virtio-mmio@00000000feb0{number}00";

    private async Task<IReadOnlyDictionary<string, JsonElement>> SectionsOfQemuAsync()
    {
        const string Monitor = "qemu.qmp";
        string unpacked = Repository.Path("out/qemu/usr/bin/qemu-system-x86_64");
        var qemu = await StartAsync(
            [File.Exists(unpacked) ? unpacked : "qemu-system-x86_64"],
            new ArgumentList
            {
                { "-machine", "microvm,accel=kvm,pic=on,pit=on,rtc=on,ioapic2=on" }, { "-m", "16M" }, "-nodefaults", "-no-user-config", { "-display", "none" },
                { "-L", "/usr/share/seabios" }, "-S", { "-global", "virtio-mmio.force-legacy=false" }, { "-qmp", $"unix:{Monitor},server=on,wait=off" },
            }.With(Devices("theirs")));
        var qmp = await OpenQmpAsync(qemu, Monitor);
        await qmp.ExecuteAsync("migrate", """{"uri": "exec:cat > theirs"}""");
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while ((await qmp.ExecuteAsync("query-migrate")).GetProperty("status").GetString() is var status and not "completed")
        {
            Assert.That(status, Is.Not.EqualTo("failed"), qemu.Errors);
            await Task.Delay(20, deadline.Token);
        }

        await qmp.ExecuteAsync("quit");
        return SectionsOf("theirs");
    }

    private async Task<IReadOnlyDictionary<string, JsonElement>> SectionsOfOursAsync()
    {
        var guest = await BootAsync("counter", Devices("ours"));
        await guest.Qmp.ExecuteAsync("stop");
        await guest.Qmp.ExecuteAsync("migrate", """{"uri": "file:ours"}""");
        await guest.ExpectAsync("completed");
        return SectionsOf("ours");
    }

    private Dictionary<string, JsonElement> SectionsOf(string file)
    {
        byte[] stream = File.ReadAllBytes(InFolder(file));
        int brace = Array.IndexOf(stream, (byte)'{', Array.LastIndexOf(stream, (byte)0));
        return JsonDocument.Parse(stream.AsMemory(brace)).RootElement.GetProperty("devices").EnumerateArray().ToDictionary(
            section => $"{section.GetProperty("name").GetString()} {section.GetProperty("instance_id").GetInt64()}");
    }

    /// <summary>A record as lines, one for each field; of its subsections those that the other has too.</summary>
    private static IEnumerable<string> Lines(JsonElement record, JsonElement other)
    {
        yield return $"{record.GetProperty("vmsd_name").GetString()} version {record.GetProperty("version").GetInt32()}";
        foreach (var (field, others) in record.GetProperty("fields").EnumerateArray().Zip(OrNone(other.GetProperty("fields"))))
        {
            bool isStruct = field.TryGetProperty("struct", out var inner) && others.TryGetProperty("struct", out _);
            string length = field.TryGetProperty("array_len", out var count) ? $" x {count.GetInt32()}" : string.Empty;
            bool hasSubsections = isStruct && inner.TryGetProperty("subsections", out _);
            string size = hasSubsections ? string.Empty : $" {field.GetProperty("size").GetInt32()}";
            yield return $"  {field.GetProperty("name").GetString()}: {field.GetProperty("type").GetString()}{size}{length}";
            if (isStruct)
            {
                foreach (string line in Lines(inner, others.GetProperty("struct")))
                {
                    yield return $"    {line}";
                }
            }
        }

        var known = Subsections(other).ToDictionary(subsection => subsection.GetProperty("vmsd_name").GetString()!);
        foreach (var subsection in Subsections(record))
        {
            if (known.TryGetValue(subsection.GetProperty("vmsd_name").GetString()!, out var same))
            {
                foreach (string line in Lines(subsection, same))
                {
                    yield return $"  {line}";
                }
            }
        }
    }

    private static IEnumerable<JsonElement> Subsections(JsonElement record) =>
        record.TryGetProperty("subsections", out var list) ? list.EnumerateArray() : [];

    /// <summary>The fields of the other record, and as many empty objects as there are fields here and not there.</summary>
    private static IEnumerable<JsonElement> OrNone(JsonElement fields) =>
        fields.EnumerateArray().Concat(Enumerable.Repeat(JsonDocument.Parse("{}").RootElement, 1000));
}
