using System.Text;
using Vmm.Core.Machines;
using Vmm.Core.State;

namespace Vmm.Migration.Streams;

/// <summary>Reads a machine's state into its state records; nothing takes effect before <see cref="IStateful.Apply"/>.</summary>
internal static class VmStateReader
{
    /// <summary>Longer than any; that there is none so long is for the limit on all that follows RAM to say.</summary>
    private const int LongestDescription = 1 << 30;

    /// <summary>
    /// Reads the whole stream: every section exactly once, in any order, nothing missing but what an older process does not have, and nothing more.
    /// </summary>
    /// <exception cref="StateException">The stream is not the state of this machine.</exception>
    internal static void Read(
        StateReader reader, string machineType, IReadOnlyList<RamTableEntry> ram, IReadOnlyList<StateSection> sections)
    {
        ReadStart(reader, machineType, ram);
        ReadSections(reader, sections);
        RequireNoMore(reader);
    }

    /// <summary>Reads what follows RAM, to the end mark: every section exactly once, in any order.</summary>
    /// <exception cref="StateException">The sections are not those of this machine.</exception>
    internal static void ReadSections(StateReader reader, IReadOnlyList<StateSection> sections)
    {
        var missing = sections.ToList();
        byte type;
        while ((type = reader.ReadByte()) == VmStateStream.SectionFull)
        {
            ReadSection(reader, missing);
        }

        Expect("section type", VmStateStream.End, type);
        missing.RemoveAll(section => section.MayBeAbsent);
        if (missing.Count > 0)
        {
            throw new StateException($"the state of {string.Join(", ", missing.Select(Title))} is missing");
        }
    }

    /// <summary>Reads what comes before the sections of devices.</summary>
    /// <exception cref="StateException">It is not that of this machine.</exception>
    internal static void ReadStart(StateReader reader, string machineType, IReadOnlyList<RamTableEntry> ram)
    {
        Expect("magic", VmStateStream.Magic, reader.ReadUInt32());
        Expect("version", VmStateStream.Version, reader.ReadUInt32());
        ReadMachineType(reader, machineType);
        ReadRam(reader, ram);
    }

    /// <summary>Reads what comes before the first section of a saved stream.</summary>
    /// <param name="input">The stream.</param>
    /// <param name="own">What this process is.</param>
    /// <exception cref="StateException">It is no such stream, or that of another machine.</exception>
    internal static void ReadStart(StreamInput input, StreamConfiguration own)
    {
        uint magic = input.ReadUInt32();
        if (magic != VmStateStream.Magic)
        {
            throw input.Damaged($"not a migration stream: it begins with 0x{magic:x}, 0x{VmStateStream.Magic:x} (QEVM) expected");
        }

        uint version = input.ReadUInt32();
        if (version != VmStateStream.Version)
        {
            throw input.Damaged($"unsupported migration stream version {version}: {VmStateStream.Version} expected");
        }

        StreamConfiguration.Read(input).RequireFits(input, own);
    }

    /// <summary>Reads what closes a section.</summary>
    /// <exception cref="StateException">Something else is there: the section has more or fewer bytes than were read.</exception>
    internal static void ReadFooter(StateReader reader, uint id)
    {
        Expect("section footer", VmStateStream.Footer, reader.ReadByte());
        Expect("section number in a footer", id, reader.ReadUInt32());
    }

    /// <summary>Reads what may follow the end mark, a description of the stream for readers that know no device.</summary>
    /// <exception cref="StateException">Something else follows, or it is not whole.</exception>
    internal static void SkipDescription(StateReader reader)
    {
        if (reader.PeekByte() >= 0)
        {
            Expect("type of what follows the end of the state", VmStateStream.Description, reader.ReadByte());
            uint length = reader.ReadUInt32();
            reader.ReadBytes((int)Math.Min(length, LongestDescription));
        }
    }

    /// <summary>Refuses what is not the end of the stream.</summary>
    /// <param name="reader">Where the stream is read from.</param>
    /// <param name="type">The section type that was read where the end must be.</param>
    /// <exception cref="StateException">It is another one, or bytes follow it.</exception>
    internal static void RequireEnd(StateReader reader, byte type)
    {
        Expect("section type", VmStateStream.End, type);
        RequireNoMore(reader);
    }

    private static void RequireNoMore(StateReader reader)
    {
        if (reader.Remaining > 0)
        {
            throw new StateException($"{reader.Remaining} bytes follow the end of the state");
        }
    }

    private static void ReadMachineType(StateReader reader, string machineType)
    {
        Expect("section type", VmStateStream.Configuration, reader.ReadByte());
        uint length = reader.ReadUInt32();
        string received = Encoding.UTF8.GetString(reader.ReadBytes((int)Math.Min(length, int.MaxValue)));
        if (received != machineType)
        {
            throw new StateException($"Machine type received is '{received}' and local is '{machineType}'");
        }
    }

    private static void ReadRam(StateReader reader, IReadOnlyList<RamTableEntry> ram)
    {
        Expect("section type", VmStateStream.SectionStart, reader.ReadByte());
        uint id = reader.ReadUInt32();
        string name = reader.ReadName();
        uint instance = reader.ReadUInt32();
        uint version = reader.ReadUInt32();
        if (name != VmStateStream.RamSection || instance != 0 || version != VmStateStream.RamVersion)
        {
            throw new StateException($"section 'ram' 0 version {VmStateStream.RamVersion} expected, '{name}' {instance} version {version} found");
        }

        ulong total = 0;
        foreach (var block in ram)
        {
            total += block.Size;
        }

        ulong head = reader.ReadUInt64();
        if (head != (total | VmStateStream.RamTable))
        {
            throw new StateException($"a table of RAM blocks of 0x{total:x} bytes expected, its head is 0x{head:x}");
        }

        foreach (var block in ram)
        {
            string received = reader.ReadName();
            ulong size = reader.ReadUInt64();
            if (received != block.Name || size != block.Size)
            {
                throw new StateException($"RAM block '{block.Name}' of {block.Size} bytes expected, '{received}' of {size} bytes found");
            }
        }

        ExpectEndOfRam(reader);
        ReadFooter(reader, id);
        Expect("section type", VmStateStream.SectionEnd, reader.ReadByte());
        Expect("section number", id, reader.ReadUInt32());
        ExpectEndOfRam(reader);
        ReadFooter(reader, id);
    }

    private static void ReadSection(StateReader reader, List<StateSection> missing)
    {
        uint id = reader.ReadUInt32();
        string name = reader.ReadName();
        uint instance = reader.ReadUInt32();
        uint version = reader.ReadUInt32();
        int index = missing.FindIndex(s => s.IsNamed(name, instance));
        if (index < 0)
        {
            throw new StateException($"Unknown savevm section or instance '{name}' {instance}, or one that came twice");
        }

        var section = missing[index];
        missing.RemoveAt(index);
        try
        {
            reader.SectionVersion = version == 0 ? throw new StateException("version 0 found, versions count from 1") : checked((int)version);
            section.Item.Load(reader);
        }
        catch (Exception e) when (e is StateException or OverflowException)
        {
            throw new StateException($"cannot load the state of {Title(section)}: {e.Message}", e);
        }

        ReadFooter(reader, id);
    }

    private static void ExpectEndOfRam(StateReader reader)
    {
        ulong flags = reader.ReadUInt64();
        if (flags != VmStateStream.RamEnd)
        {
            throw new StateException($"RAM page record 0x{flags:x} found where RAM stays in place");
        }
    }

    private static void Expect(string what, uint expected, uint found)
    {
        if (expected != found)
        {
            throw new StateException($"{what} 0x{expected:x} expected, 0x{found:x} found");
        }
    }

    private static string Title(StateSection section) => $"'{section.Name}' {section.Instance}";
}
