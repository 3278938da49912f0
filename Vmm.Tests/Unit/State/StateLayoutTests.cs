using Vmm.Core.State;

namespace Vmm.Tests.Unit.State;

[Parallelizable(ParallelScope.All)]
public sealed class StateLayoutTests
{
    [Test]
    public void What_is_saved_loads_back()
    {
        var saved = new Sample { Level = true, Extra = 0 };
        saved.Small = 0x12;
        saved.Medium = 0x3456;
        saved.Large = 0x789abcde;
        saved.Huge = 0x0123456789abcdef;
        saved.Signed = -5;
        saved.SignedHuge = long.MinValue;
        saved.Bytes[3] = 9;

        var loaded = Load(Sample.Layout, Save(Sample.Layout, saved));

        Assert.Multiple(() =>
        {
            Assert.That(loaded.Small, Is.EqualTo(0x12));
            Assert.That(loaded.Medium, Is.EqualTo(0x3456));
            Assert.That(loaded.Large, Is.EqualTo(0x789abcde));
            Assert.That(loaded.Huge, Is.EqualTo(0x0123456789abcdef));
            Assert.That(loaded.Signed, Is.EqualTo(-5));
            Assert.That(loaded.SignedHuge, Is.EqualTo(long.MinValue));
            Assert.That(loaded.Level, Is.True);
            Assert.That(loaded.Bytes.ToArray(), Is.EqualTo(new byte[] { 0, 0, 0, 9 }));
        });
    }

    [Test]
    public void Numbers_are_big_endian_in_the_order_of_the_layout()
    {
        var state = new Sample();
        state.Small = 1;
        state.Medium = 0x0203;

        Assert.That(Save(Sample.Layout, state).AsSpan(0, 3).ToArray(), Is.EqualTo(new byte[] { 1, 2, 3 }));
    }

    [Test]
    public void A_state_that_ends_early_is_refused_wherever_it_ends()
    {
        byte[] whole = Save(Sample.Layout, new Sample { Extra = 7 });
        for (int length = 0; length < whole.Length; length++)
        {
            byte[] cut = whole[..length];

            // Without its subsection a record is whole.
            if (length != Save(Sample.Layout, new Sample()).Length)
            {
                Assert.That(() => Load(Sample.Layout, cut), Throws.TypeOf<StateException>(), $"{length} of {whole.Length} bytes");
            }
        }
    }

    [Test]
    public void A_field_that_an_older_version_lacks_keeps_its_default()
    {
        byte[] older = Save(Grown.First, new Grown { Old = 1 });
        var loaded = new Grown { New = 42 };

        new StateReader(older) { SectionVersion = 1 }.Read(Grown.Second, loaded);

        Assert.Multiple(() =>
        {
            Assert.That(loaded.Old, Is.EqualTo(1));
            Assert.That(loaded.New, Is.EqualTo(42));
        });
    }

    [TestCase(-1)]
    [TestCase(3)]
    public void A_version_outside_the_known_ones_is_refused(int version) => Assert.That(
        () => new StateReader(new byte[64]) { SectionVersion = version }.Read(Grown.Second, new Grown()),
        Throws.TypeOf<StateException>().With.Message.Contains($"{version} found"));

    [Test]
    public void A_subsection_is_written_only_when_needed()
    {
        byte[] without = Save(Sample.Layout, new Sample());
        byte[] with = Save(Sample.Layout, new Sample { Extra = 7 });

        Assert.Multiple(() =>
        {
            Assert.That(with, Has.Length.GreaterThan(without.Length));
            Assert.That(Load(Sample.Layout, without).Extra, Is.Zero);
            Assert.That(Load(Sample.Layout, with).Extra, Is.EqualTo(7));
        });
    }

    [Test]
    public void An_unknown_subsection_is_refused_by_name()
    {
        byte[] bytes = Save(Sample.Layout, new Sample { Extra = 7 });
        bytes[bytes.AsSpan().IndexOf("sample/extra"u8)] = (byte)'x';

        Assert.That(() => Load(Sample.Layout, bytes), Throws.TypeOf<StateException>().With.Message.Contains("xample/extra"));
    }

    [Test]
    public void A_subsection_that_comes_twice_is_refused()
    {
        byte[] bytes = Save(Sample.Layout, new Sample { Extra = 7 });
        int start = bytes.AsSpan().IndexOf("sample/extra"u8) - 2;
        byte[] twice = [.. bytes, .. bytes.AsSpan(start)];

        Assert.That(() => Load(Sample.Layout, twice), Throws.TypeOf<StateException>());
    }

    [Test]
    public void A_truth_value_is_0_or_1()
    {
        byte[] bytes = Save(Sample.Layout, new Sample());
        bytes[Sample.LevelPosition] = 2;

        Assert.That(() => Load(Sample.Layout, bytes), Throws.TypeOf<StateException>().With.Message.Contains("sample.level").And.Message.Contains('2'));
    }

    [Test]
    public void Any_change_of_a_layout_changes_its_fingerprint()
    {
        StateLayout[] layouts =
        [
            new StateLayout<Grown>("a", 1) { { "old", s => ref s.Old } },
            new StateLayout<Grown>("b", 1) { { "old", s => ref s.Old } },
            new StateLayout<Grown>("a", 2) { { "old", s => ref s.Old } },
            new StateLayout<Grown>("a", 1) { { "older", s => ref s.Old } },
            new StateLayout<Grown>("a", 1) { { "old", s => ref s.Narrow } },
            new StateLayout<Grown>("a", 1) { { "old", s => ref s.Old, 1 } },
            new StateLayout<Grown>("a", 1) { { "old", s => ref s.Old }, { "new", s => ref s.New } },
            new StateLayout<Grown>("a", 1) { { "new", s => ref s.New }, { "old", s => ref s.Old } },
            new StateLayout<Grown>("a", 1) { { "old", s => ref s.Old }, { new StateLayout<Grown>("a/b", 1), _ => true } },
        ];

        Assert.That(layouts.Select(l => l.Fingerprint()), Is.Unique);
    }

    [Test]
    public void Equal_layouts_have_equal_fingerprints() =>
        Assert.That(
            new StateLayout<Grown>("a", 1) { { "old", s => ref s.Old } }.Fingerprint(),
            Is.EqualTo(new StateLayout<Grown>("a", 1) { { "old", s => ref s.Old } }.Fingerprint()));

    [Test]
    [Promise(40)]
    public void A_layout_reads_what_it_grew_from_by_fields_and_by_subsections() => Assert.Multiple(() =>
    {
        Assert.That(Grown.Second.Reads(Grown.First.Identity()), Is.True, "it lacks the field of version 2");
        Assert.That(Grown.Third.Reads(Grown.First.Identity()), Is.True, "it also lacks both subsections");
        Assert.That(Grown.Third.Reads(Grown.Second.Identity()), Is.True, "it lacks both subsections");
        Assert.That(Grown.Third.Reads(Grown.WithOneSubsection.Identity()), Is.True, "it lacks the last subsection");
        Assert.That(Grown.Third.Reads(Grown.Third.Identity()), Is.True, "itself");
    });

    [Test]
    [Promise(41)]
    public void A_layout_does_not_read_what_grew_from_it_or_grew_otherwise() => Assert.Multiple(() =>
    {
        Assert.That(Grown.First.Reads(Grown.Second.Identity()), Is.False, "a later version");
        Assert.That(Grown.Second.Reads(Grown.Third.Identity()), Is.False, "subsections");
        Assert.That(Grown.Third.Reads(Grown.WithoutTheFirstSubsection.Identity()), Is.False, "the first subsection was there before the second");
        Assert.That(Grown.Third.Reads(Grown.Forgetful.Identity()), Is.False, "a version that it no longer reads is not its past");
        Assert.That(Grown.Forgetful.Reads(Grown.First.Identity()), Is.False, "nor is this one's");
    });

    private static byte[] Save<T>(StateLayout<T> layout, T state)
        where T : class
    {
        var writer = new StateWriter(capacity: 1);
        writer.Write(layout, state);
        return writer.Written.ToArray();
    }

    private static Sample Load(StateLayout<Sample> layout, byte[] bytes)
    {
        var state = new Sample();
        new StateReader(bytes).Read(layout, state);
        return state;
    }

    private sealed class Grown
    {
        internal static readonly StateLayout<Grown> First = new("grown", version: 1) { { "old", s => ref s.Old } };

        internal static readonly StateLayout<Grown> Second = new("grown", version: 2, minimumVersion: 1)
        {
            { "old", s => ref s.Old },
            { "new", s => ref s.New, 2 },
        };

        internal static readonly StateLayout<Grown> WithOneSubsection = new("grown", version: 2, minimumVersion: 1)
        {
            { "old", s => ref s.Old },
            { "new", s => ref s.New, 2 },
            { Subsection("grown/a"), s => s.New != 0 },
        };

        internal static readonly StateLayout<Grown> WithoutTheFirstSubsection = new("grown", version: 2, minimumVersion: 1)
        {
            { "old", s => ref s.Old },
            { "new", s => ref s.New, 2 },
            { Subsection("grown/b"), s => s.New != 0 },
        };

        internal static readonly StateLayout<Grown> Third = new("grown", version: 2, minimumVersion: 1)
        {
            { "old", s => ref s.Old },
            { "new", s => ref s.New, 2 },
            { Subsection("grown/a"), s => s.New != 0 },
            { Subsection("grown/b"), s => s.New != 0 },
        };

        internal static readonly StateLayout<Grown> Forgetful = new("grown", version: 3) { { "old", s => ref s.Old } };

        internal uint Old;
        internal uint New;
        internal ushort Narrow;

        private static StateLayout<Grown> Subsection(string name) => new(name, version: 1) { { "narrow", s => ref s.Narrow } };
    }

    private sealed class Sample
    {
        internal const int LevelPosition = 1 + 2 + 4 + 8 + 4 + 8;

        internal static readonly StateLayout<Sample> Layout = new("sample", version: 1)
        {
            { "small", s => ref s.Small },
            { "medium", s => ref s.Medium },
            { "large", s => ref s.Large },
            { "huge", s => ref s.Huge },
            { "signed", s => ref s.Signed },
            { "signed_huge", s => ref s.SignedHuge },
            { "level", s => ref s.Level },
            { "bytes", s => s.Bytes, 4 },
            { new StateLayout<Sample>("sample/extra", version: 1) { { "extra", s => ref s.Extra } }, s => s.Extra != 0 },
        };

        internal byte Small;
        internal ushort Medium;
        internal uint Large;
        internal ulong Huge;
        internal int Signed;
        internal long SignedHuge;
        internal bool Level;
        internal uint Extra;
        private readonly byte[] _bytes = new byte[4];

        internal Span<byte> Bytes => _bytes;
    }
}
