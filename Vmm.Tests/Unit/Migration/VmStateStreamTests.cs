using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Migration.Handover;
using Vmm.Migration.Streams;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

[Parallelizable(ParallelScope.All)]
public sealed class VmStateStreamTests
{
    private static readonly IReadOnlyList<RamTableEntry> Ram = [new("ram0", 0x10000), new("rom", 0x1000)];

    [Test]
    public void A_small_stream_has_these_bytes()
    {
        var device = new Sample { Value = 0x0102_0304 };

        Assert.That(Convert.ToHexStringLower(Write([new StateSection(5, device)])), Is.EqualTo(
            "5145564d" + "00000003"                                                  // QEVM, version 3
            + "07" + "00000002" + "7063"                                             // configuration: "pc"
            + "01" + "00000000" + "03" + "72616d" + "00000000" + "00000004"          // start of section 0, "ram" 0, version 4
            + "0000000000011004"                                                     // 0x11000 bytes in all, and the flag of a table
            + "04" + "72616d30" + "0000000000010000"                                 // "ram0"
            + "03" + "726f6d" + "0000000000001000"                                   // "rom"
            + "0000000000000010" + "7e" + "00000000"                                 // end of this RAM section, footer
            + "03" + "00000000" + "0000000000000010" + "7e" + "00000000"             // end of section 0, no pages
            + "04" + "00000001" + "06" + "73616d706c65" + "00000005" + "00000002"    // full section 1, "sample" 5, version 2
            + "01020304" + "7e" + "00000001"
            + "00"));
    }

    [Test]
    public void A_stream_reads_back_in_any_order_of_sections()
    {
        byte[] bytes = Write([new(0, new Sample { Value = 1 }), new(1, new Sample { Value = 2 })]);
        var first = new Sample();
        var second = new Sample();

        Read(bytes, [new(1, second), new(0, first)]);

        Assert.That((first.Value, second.Value), Is.EqualTo((1u, 2u)));
    }

    [Test]
    public void A_missing_section_is_named() => Assert.That(
        () => Read(Write([]), [new(3, new Sample())]),
        Throws.TypeOf<StateException>().With.Message.EqualTo("the state of 'sample' 3 is missing"));

    [Test]
    public void A_section_that_an_older_process_lacks_keeps_its_power_on_state()
    {
        var later = new Later { Value = 7 };

        Read(Write([]), [new(0, later)]);

        Assert.That(later.Value, Is.EqualTo(7));
    }

    [Test]
    public void An_unknown_section_is_named() => Assert.That(
        () => Read(Write([new(3, new Sample())]), []),
        Throws.TypeOf<StateException>().With.Message.StartsWith("Unknown savevm section or instance 'sample' 3"));

    [Test]
    public void A_section_that_comes_twice_is_refused() => Assert.That(
        () => Read(Write([new(3, new Sample()), new(3, new Sample())]), [new(3, new Sample())]),
        Throws.TypeOf<StateException>().With.Message.Contains("came twice"));

    [Test]
    public void Another_machine_type_is_refused() => Assert.That(
        () => VmStateReader.Read(new StateReader(Write([])), "q35", Ram, []),
        Throws.TypeOf<StateException>().With.Message.EqualTo("Machine type received is 'pc' and local is 'q35'"));

    [Test]
    public void Other_RAM_is_refused() => Assert.That(
        () => VmStateReader.Read(new StateReader(Write([])), "pc", [new("ram0", 0x10000), new("rom", 0x2000)], []),
        Throws.TypeOf<StateException>());

    [Test]
    public void Bytes_after_the_end_are_refused() => Assert.That(
        () => Read([.. Write([]), 0], []),
        Throws.TypeOf<StateException>().With.Message.EqualTo("1 bytes follow the end of the state"));

    [Test]
    public void A_version_of_zero_is_refused()
    {
        byte[] bytes = Write([new(0, new Sample())]);
        bytes[^11] = 0;
        Assert.That(
            () => Read(bytes, [new(0, new Sample())]),
            Throws.TypeOf<StateException>().With.Message.Contains("version 0 found"));
    }

    [Test]
    public void Every_truncation_of_a_machines_state_is_refused()
    {
        using var machine = new BoardUnderTest();
        byte[] bytes = machine.State();
        for (int length = 0; length < bytes.Length; length += length < 1000 ? 1 : 7)
        {
            Assert.That(() => machine.Load(bytes[..length]), Throws.TypeOf<StateException>(), $"{length} of {bytes.Length} bytes");
        }
    }

    [Test]
    [Promise(19)]
    public void Every_damaged_byte_of_a_machines_state_loads_or_is_refused_and_nothing_else()
    {
        using var machine = new BoardUnderTest();
        byte[] bytes = machine.State();
        for (int i = 0; i < bytes.Length; i++)
        {
            foreach (byte value in (byte[])[0, 0x7f, 0xff, (byte)(bytes[i] ^ 1), (byte)(bytes[i] ^ 0x80)])
            {
                byte[] damaged = [.. bytes];
                damaged[i] = value;
                try
                {
                    machine.Load(damaged);
                }
                catch (StateException)
                {
                    // Refused.
                }
            }
        }
    }

    private static byte[] Write(IReadOnlyList<StateSection> sections)
    {
        var writer = new StateWriter();
        VmStateWriter.Write(writer, "pc", Ram, sections);
        return writer.Written.ToArray();
    }

    private static void Read(byte[] bytes, IReadOnlyList<StateSection> sections) =>
        VmStateReader.Read(new StateReader(bytes), "pc", Ram, sections);

    private sealed class Later : Sample
    {
        private static readonly StateLayout<Sample> TheLayout = new("later", version: 1, mayBeAbsent: true) { { "value", s => ref s.Value } };

        public override StateLayout Layout => TheLayout;
    }

    private class Sample : IStateful
    {
        private static readonly StateLayout<Sample> TheLayout = new("sample", version: 2) { { "value", s => ref s.Value } };

        internal uint Value;

        public virtual StateLayout Layout => TheLayout;

        public void Save(StateWriter writer) => writer.Write(TheLayout, this);

        public void Load(StateReader reader) => reader.Read(TheLayout, this);
    }

    /// <summary>A whole machine that ran a little, so that its FIFOs hold something.</summary>
    private sealed class BoardUnderTest : IDisposable
    {
        private readonly HandoverFixture _fixture = new();
        private readonly Board _board;

        internal BoardUnderTest()
        {
            var host = _fixture.Old();
            _board = host.Board;
            host.GuestWrites("some output");
            _board.QuiesceBackEnds();
        }

        internal byte[] State()
        {
            var writer = new StateWriter();
            VmStateWriter.Write(writer, "microvm", RamTable.Of(_board), _board.Sections);
            return writer.Written.ToArray();
        }

        internal void Load(byte[] bytes) =>
            VmStateReader.Read(new StateReader(bytes), "microvm", RamTable.Of(_board), _board.Sections);

        public void Dispose() => _fixture.Dispose();
    }
}
