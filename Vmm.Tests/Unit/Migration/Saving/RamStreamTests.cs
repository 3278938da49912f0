using Vmm.Core.Configuration;
using Vmm.Core.Memory;
using Vmm.Core.State;
using Vmm.Migration.Streams;

namespace Vmm.Tests.Unit.Migration.Saving;

/// <summary>RAM in a stream's records, of every kind of memory.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class RamStreamTests
{
    private const int Page = 4096;
    private const int Pages = 600; // more than are read at once

    private static IEnumerable<object[]> Memory =>
        from kind in Enum.GetValues<MemoryBackendKind>()
        from share in (bool[])[true, false]
        from isPreallocated in (bool[])[true, false]
        where share || kind != MemoryBackendKind.Shm
        select (object[])[kind, share, isPreallocated];

    [TestCaseSource(nameof(Memory))]
    public void Every_page_comes_back(MemoryBackendKind kind, bool share, bool isPreallocated)
    {
        using var files = new Folder();
        using var old = Block(kind, share, isPreallocated, files.Path("old"));
        using var next = Block(kind, share, isPreallocated, files.Path("new"));
        byte[] contents = Scattered();
        old.Write(0, contents);

        Read(Written(old), next);

        Assert.That(Contents(next), Is.EqualTo(contents));
    }

    [Test]
    public void Zeros_replace_what_was_there([Values] MemoryBackendKind kind)
    {
        using var files = new Folder();
        bool share = kind == MemoryBackendKind.Shm;
        using var old = Block(kind, share, isPreallocated: false, files.Path("old"));
        using var next = Block(kind, share, isPreallocated: false, files.Path("new"));
        byte[] contents = Scattered();
        old.Write(0, contents);
        byte[] first = Written(old);
        old.Write(0, new byte[Pages * Page]);
        byte[] second = Written(old);

        // Both passes are one section, as of a guest that was copied while it ran.
        Read([.. first, .. second], next);

        Assert.That(Contents(next), Is.All.Zero);
    }

    [Test]
    public void A_page_of_one_value_is_filled_with_it()
    {
        using var next = Block(MemoryBackendKind.Memfd, share: true, isPreallocated: false, "");

        Read(Record(2 * Page, 0x02, [0xab], "ram0"), next);

        byte[] contents = Contents(next);
        Assert.That(contents.AsSpan(2 * Page, Page).ToArray(), Is.All.EqualTo(0xab));
        Assert.That(contents.AsSpan(3 * Page).ToArray(), Is.All.Zero);
    }

    [TestCase(0UL, 0x08, "rom", "a page of RAM block 'rom', which this machine has not: expected 'ram0'")]
    [TestCase(0x258000UL, 0x08, "ram0", "a page at 0x258000 of RAM block 'ram0', which has 0x258000 bytes")]
    [TestCase(0x7fff_ffff_ffff_f000UL, 0x02, "ram0", "a page at 0x7ffffffffffff000 of RAM block 'ram0', which has 0x258000 bytes")]
    [TestCase(0UL, 0x28, null, "a page of the block of the page before, and there is none before")]
    [TestCase(0UL, 0x40, "ram0", "a record of a page, or the end of a part of RAM, expected, 0x40 found")]
    [TestCase(0UL, 0x0a, "ram0", "a record of a page, or the end of a part of RAM, expected, 0xa found")]
    [TestCase(0x1000UL, 0x10, null, "a record of a page, or the end of a part of RAM, expected, 0x1010 found")]
    public void A_record_that_cannot_be_is_refused(ulong offset, int flags, string? block, string reason)
    {
        using var next = Block(MemoryBackendKind.Memfd, share: true, isPreallocated: false, "");

        Assert.That(() => Read(Record(offset, flags, [1], block), next), Throws.TypeOf<StateException>().With.Message.EndsWith(reason));

        Assert.That(Contents(next), Is.All.Zero);
    }

    [Test]
    public void Another_table_of_blocks_is_refused()
    {
        using var old = Block(MemoryBackendKind.Memfd, share: true, isPreallocated: false, "", name: "other");
        using var next = Block(MemoryBackendKind.Memfd, share: true, isPreallocated: false, "");

        Assert.That(
            () => Read([], next, [new RamTableEntry("other", old.Size)]),
            Throws.TypeOf<StateException>().With.Message.EndsWith($"RAM block 'ram0' of {next.Size} bytes expected, 'other' of {next.Size} bytes found"));
        Assert.That(
            () => Read([], next, [new RamTableEntry("ram0", next.Size * 2)]),
            Throws.TypeOf<StateException>().With.Message.Contains($"a table of RAM blocks of 0x{next.Size:x} bytes expected"));
    }

    /// <summary>Runs of data and of zeros of many lengths, and single pages of both.</summary>
    private static byte[] Scattered()
    {
        byte[] contents = new byte[Pages * Page];
        var random = new Random(17);
        for (int page = 0; page < Pages;)
        {
            int run = random.Next(1, 40);
            if (random.Next(2) == 0)
            {
                random.NextBytes(contents.AsSpan(page * Page, Math.Min(run, Pages - page) * Page));
            }

            page += run;
        }

        contents[^1] = 1;
        return contents;
    }

    private static RamBlock Block(MemoryBackendKind kind, bool share, bool isPreallocated, string path, string name = "ram0") => RamBlock.Create(new(kind, name, Pages * Page)
    {
        Share = share,
        Prealloc = isPreallocated,
        MemPath = kind == MemoryBackendKind.File ? path : null,
    });

    private static byte[] Contents(RamBlock block)
    {
        byte[] contents = new byte[block.Size];
        block.Read(0, contents);
        return contents;
    }

    private static byte[] Written(RamBlock block)
    {
        using var stream = new MemoryStream();
        var progress = RamProgress.Of([block]);
        new RamWriter(stream.Write, progress).Write([block]);
        Assert.That(progress.Remaining, Is.Zero);
        return stream.ToArray();
    }

    private static byte[] Record(ulong offset, int flags, byte[] content, string? block)
    {
        var writer = new StateWriter();
        writer.WriteUInt64(offset | (uint)flags);
        if (block is not null)
        {
            writer.WriteName(block);
        }

        writer.WriteBytes(content);
        return writer.Written.ToArray();
    }

    /// <summary>Reads a section of RAM with these records in it.</summary>
    private static void Read(byte[] records, RamBlock into, IReadOnlyList<RamTableEntry>? table = null)
    {
        var writer = new StateWriter();
        VmStateWriter.WriteRamTable(writer, table ?? [new RamTableEntry(into.Name, into.Size)]);
        VmStateWriter.BeginRamPart(writer);
        writer.WriteBytes(records);
        VmStateWriter.EndRamPart(writer);
        VmStateWriter.WriteRamEnd(writer);
        using var stream = new MemoryStream(writer.Written.ToArray());
        new RamReader(new StreamInput(stream.Read), [into], RamProgress.Of([into])).Read();
        Assert.That(stream.Position, Is.EqualTo(stream.Length));
    }

    private sealed class Folder : IDisposable
    {
        private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmm-");

        internal string Path(string name) => System.IO.Path.Combine(_directory.FullName, name);

        public void Dispose() => _directory.Delete(recursive: true);
    }
}
