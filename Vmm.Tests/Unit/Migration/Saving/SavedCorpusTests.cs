// Files that released programs have saved: a machine of two vCPUs with a disk, a console of three ports, an entropy device and a card of two pairs, all of them
// busy. They are read here section by section, by the layouts that today's program has; whether such a guest runs on depends on the host's processor, and is tested
// with a program of that release (EndToEnd/Saving/SavedByPredecessorTests).

using System.IO.Compression;
using System.Runtime.CompilerServices;
using Vmm.Core.Configuration;
using Vmm.Core.Memory;
using Vmm.Core.State;
using Vmm.Kvm;
using Vmm.Migration.Streams;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration.Saving;

/// <summary>Files of every released layout.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class SavedCorpusTests
{
    private const ulong RamSize = 16 << 20;

    [TestCase(1, false, 18)]
    [TestCase(2, true, 25)]
    [Promise(56)]
    public void Every_section_of_a_released_file_is_read(int file, bool hasSavedForms, int sections)
    {
        byte[] stream = Unpacked(file);
        using var bytes = new MemoryStream(stream);
        var input = new StreamInput(bytes.Read);
        VmStateReader.ReadStart(input, new StreamConfiguration("microvm"));
        var record = MachineRecord.Read(input);
        Assert.That(record.HasSavedForms, Is.EqualTo(hasSavedForms));
        using var ram = RamBlock.Create(new MemoryBackendConfiguration(MemoryBackendKind.Memfd, "ram0", RamSize) { Share = true });
        var progress = RamProgress.Of([ram]);
        new RamReader(input, [ram], progress).Read();
        Assert.That((progress.DataPages + progress.FillPages) * 4096, Is.EqualTo(RamSize));

        var reader = new StateReader(new StreamTail(input, 1 << 20).Take);
        int read = 0;
        while (reader.ReadByte() == VmStateStream.SectionFull)
        {
            uint id = reader.ReadUInt32();
            string name = reader.ReadName();
            reader.ReadUInt32();
            reader.SectionVersion = (int)reader.ReadUInt32();
            reader.Describe(hasSavedForms ? SavedLayoutOf(name) : LayoutOf(name));
            VmStateReader.ReadFooter(reader, id);
            read++;
        }

        Assert.That(read, Is.EqualTo(sections));
        Assert.That(() => VmStateReader.SkipDescription(reader), Throws.Nothing);
    }

    [TestCase(1)]
    [TestCase(2)]
    public void A_reader_that_knows_no_device_reads_it_too(int file) =>
        Assert.That(StreamAnalysis.Of(Unpacked(file)), Has.Member("globalstate/0.runstate = 70 61 75 73 65 64 00*26"));

    private static StateLayout LayoutOf(string section)
    {
        string name = section[(section.LastIndexOf('/') + 1)..];
        return LayoutGoldenTests.LayoutsOfAMachine().Concat(KvmHypervisor.Layouts).Single(layout => layout.Name == name);
    }

    private static StateLayout SavedLayoutOf(string section)
    {
        string name = section[(section.LastIndexOf('/') + 1)..];
        string wanted = section.StartsWith("vmm/", StringComparison.Ordinal) ? $"vmm/{name}" : name;
        return LayoutGoldenTests.SavedLayouts.SingleOrDefault(layout => layout.Name == wanted) ?? LayoutOf(section);
    }

    private static byte[] Unpacked(int file, [CallerFilePath] string here = "")
    {
        using var packed = new GZipStream(
            File.OpenRead(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", "Golden", "files", $"{file}.gz")), CompressionMode.Decompress);
        using var whole = new MemoryStream();
        packed.CopyTo(whole);
        return whole.ToArray();
    }
}
