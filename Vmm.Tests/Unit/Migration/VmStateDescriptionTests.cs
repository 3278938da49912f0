// Whether the JSON description of a stream is enough to read the stream: a reader that knows nothing else reads every field of every
// layout that a machine has, and of one that has all that a layout can have.

using System.Text;
using System.Text.Json;
using NUnit.Framework.Constraints;
using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Kvm;
using Vmm.Migration.Handover;
using Vmm.Migration.Streams;
using Vmm.Tests.Unit.Devices;
using Vmm.Tests.Unit.Machines;
using Vmm.Tests.Unit.State;

namespace Vmm.Tests.Unit.Migration;

[Parallelizable(ParallelScope.All)]
public sealed class VmStateDescriptionTests
{
    private const string MachineType = "microvm";

    private static readonly IReadOnlyList<RamTableEntry> Ram = [new("ram0", 0x10000), new("rom", 0x1000)];

    [TestCaseSource(typeof(DescribedRecords), nameof(DescribedRecords.All))]
    public void Every_field_of_a_record_is_read_by_the_description_alone(IStateful item, string fields) =>
        Assert.That(StreamAnalysis.Of(Described(Ram, [new StateSection(5, item)])), Is.EqualTo((string[])
        [
            "configuration.len = 7",
            "configuration.name = 6d 69 63 72 6f 76 6d",
            .. fields.Split('\n').Select(line => $"{item.Layout.Name}/5{line}"),
        ]));

    [Test]
    public void Every_layout_that_a_machine_has_is_among_those_that_are_read()
    {
        var read = DescribedRecords.All().Select(record => ((IStateful)record.Arguments[0]!).Layout.Name);
        Assert.That(LayoutGoldenTests.LayoutsOfAMachine().Concat(KvmHypervisor.Layouts).Select(layout => layout.Name), Is.SubsetOf(read));
    }

    [Test]
    public void A_whole_machine_is_read_by_the_description_alone()
    {
        using var fixture = new HandoverFixture();
        var host = fixture.Old(fixture.Configuration with { Devices = [.. fixture.Configuration.Devices, DeviceOption.Parse("isa-debug-exit,iobase=0xf4")] });
        host.GuestWrites("some output");
        host.Board.QuiesceBackEnds();
        var board = host.Board;

        var lines = StreamAnalysis.Of(Described(RamTable.Of(board), board.Sections));

        var sections = lines.Select(line => line[..line.IndexOfAny(['.', ':'])]).Distinct().Skip(1);
        Assert.That(sections, Is.EqualTo(board.Sections.Select(section => $"{section.Name}/{section.Instance}")));
        Assert.That(lines, Has.Member("globalstate/0.runstate = 72 75 6e*2 69 6e 67 00*25"), "running");
    }

    [Test]
    public void The_description_is_found_whatever_its_length()
    {
        for (int length = 1; length < 128; length++)
        {
            var layout = new StateLayout<SampleNest>(new string('x', length), 1) { { "count", s => ref s.Count } };
            var section = new StateSection(0, new Recorded<SampleNest>(layout, new() { Count = 7 }));

            Assert.That(StreamAnalysis.Of(Described(Ram, [section])), Has.Member($"{layout.Name}/0.count = 7"));
        }
    }

    [Test]
    public void The_description_is_spelled_as_QEMUs() => Assert.That(
        Text([new StateSection(5, new Recorded<SampleNest>(SampleNest.Layout, SampleNest.Uneven()))]),
        Is.EqualTo("""
            {"configuration":{"vmsd_name":"configuration","version":1,"fields":[
            {"name":"len","type":"uint32","size":4},
            {"name":"name","type":"buffer","size":7}]},
            "page_size":4096,"devices":[
            {"name":"nest","instance_id":5,"vmsd_name":"nest","version":1,"fields":[
            {"name":"count","type":"uint8","size":1},
            {"name":"devices","index":0,"type":"struct","struct":{"vmsd_name":"nest-device","version":1,"fields":[
            {"name":"count","type":"uint8","size":1},
            {"name":"queues","type":"struct","struct":{"vmsd_name":"sample-queue","version":1,"fields":[
            {"name":"index","type":"uint16","size":2},
            {"name":"ready","type":"bool","size":1}]},"size":3}]},"size":4},
            {"name":"devices","index":1,"type":"struct","struct":{"vmsd_name":"nest-device","version":1,"fields":[
            {"name":"count","type":"uint8","size":1},
            {"name":"queues","array_len":2,"type":"struct","struct":{"vmsd_name":"sample-queue","version":1,"fields":[
            {"name":"index","type":"uint16","size":2},
            {"name":"ready","type":"bool","size":1}]},"size":3}]},"size":7}]}]}
            """.Replace("\n", string.Empty, StringComparison.Ordinal)));

    [Test]
    public void A_name_is_escaped_to_plain_ASCII()
    {
        const string Name = "a\"b\\c\u0001é";
        var section = new StateSection(0, new Recorded<SampleNest>(new StateLayout<SampleNest>(Name, 1) { { "count", s => ref s.Count } }, new()));

        string text = Text([section]);

        Assert.That(text, Does.Contain("""a\u0022b\u005cc\u0001\u00e9"""));
        Assert.That(JsonDocument.Parse(text).RootElement.GetProperty("devices")[0].GetProperty("name").GetString(), Is.EqualTo(Name));
    }

    [Test]
    public void State_of_an_older_version_is_described_as_that()
    {
        var first = new StateSection(0, new Recorded<SampleDevice>(SampleDevice.First, SampleDevice.Filled()));
        var later = new StateSection(0, new Recorded<SampleDevice>(SampleDevice.Layout, new()));

        Assert.That(Text(Written(Ram, [first]), [later]), Is.EqualTo(Text([first])));
    }

    [Test]
    public void A_stream_that_is_damaged_is_not_described()
    {
        var section = new StateSection(0, new Recorded<SampleDevice>(SampleDevice.Layout, SampleDevice.Filled()));
        byte[] whole = Written(Ram, [section]);

        Assert.Multiple(() =>
        {
            for (int length = 0; length < whole.Length; length++)
            {
                Assert.That(() => Text(whole[..length], [section]), Throws.TypeOf<StateException>(), $"{length} of {whole.Length} bytes");
            }

            Assert.That(() => Text([.. whole, 0], [section]), Refused("1 bytes follow the end of the state"));
            Assert.That(() => Text([.. whole[..^1], 9], [section]), Refused("section type 0x0 expected, 0x9 found"));
            Assert.That(() => Text(whole, []), Refused("section 'sample-device' 0 is none of this machine's"));
        });
    }

    /// <summary>A stream as a file has it: the description stands behind the end, under a mark and its length.</summary>
    internal static byte[] Described(IReadOnlyList<RamTableEntry> ram, IReadOnlyList<StateSection> sections)
    {
        byte[] stream = Written(ram, sections);
        byte[] text = Encoding.ASCII.GetBytes(VmStateDescription.Of(stream, MachineType, ram, sections));
        var end = new StateWriter();
        end.WriteByte(0x06);
        end.WriteUInt32((uint)text.Length);
        return [.. stream, .. end.Written, .. text];
    }

    private static byte[] Written(IReadOnlyList<RamTableEntry> ram, IReadOnlyList<StateSection> sections)
    {
        var writer = new StateWriter();
        VmStateWriter.Write(writer, MachineType, ram, sections);
        return writer.Written.ToArray();
    }

    private static string Text(IReadOnlyList<StateSection> sections) => Text(Written(Ram, sections), sections);

    private static string Text(byte[] stream, IReadOnlyList<StateSection> sections) => VmStateDescription.Of(stream, MachineType, Ram, sections);

    private static IResolveConstraint Refused(string reason) => Throws.TypeOf<StateException>().With.Message.EqualTo(reason);
}
