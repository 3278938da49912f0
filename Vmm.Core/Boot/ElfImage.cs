// An ELF file as far as a loader needs it: its segments and its PVH entry point.
//
// ELF32 and ELF64 have the same fields, but of different widths and, in program headers, in a different order. All of
// them are the file's claims: counts, offsets and sizes are checked against the file before anything follows them.
// Source: System V ABI, chapters 4 and 5; xen/include/public/elfnote.h.

using System.Buffers.Binary;

namespace Vmm.Core.Boot;

/// <summary>An ELF file's loadable segments and its PVH entry point.</summary>
internal sealed class ElfImage
{
    private const int MostSegments = 256;
    private const int MostNotes = 1 << 20;
    private const ushort Machine386 = 3;
    private const ushort MachineX8664 = 62;
    private const uint LoadSegment = 1;
    private const uint NoteSegment = 4;
    private const uint PvhNote = 18; // XEN_ELFNOTE_PHYS32_ENTRY

    private readonly BootFile _file;
    private readonly List<Segment> _segments = [];
    private readonly bool _is64;
    private uint? _entry;

    private ElfImage(BootFile file, bool is64)
    {
        _file = file;
        _is64 = is64;
        ReadSegments();
        if (_segments.Count == 0)
        {
            throw Bad("it has no segment to load");
        }

        if (_entry is not { } entry)
        {
            throw Bad("it has no PVH note (name \"Xen\", type 18), so it has no entry point for this machine");
        }

        if (!_segments.Exists(s => entry >= s.Address && entry - s.Address < s.MemoryLength))
        {
            throw Bad($"its PVH entry point 0x{entry:x} is in none of its segments");
        }
    }

    /// <summary>A run of the file that goes to memory, and the zeroes behind it.</summary>
    internal readonly record struct Segment(ulong Offset, ulong FileLength, ulong Address, ulong MemoryLength);

    /// <summary>What to load, in the file's order.</summary>
    internal IReadOnlyList<Segment> Segments => _segments;

    /// <summary>Where a guest starts, in 32-bit protected mode.</summary>
    internal uint Entry => _entry!.Value;

    /// <summary>Whether a file is an ELF file at all.</summary>
    internal static bool IsPresent(BootFile file)
    {
        Span<byte> magic = stackalloc byte[4];
        if (file.Length < (ulong)magic.Length)
        {
            return false;
        }

        file.Read(0, magic);
        return magic.SequenceEqual("\x7f\x45\x4c\x46"u8);
    }

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="BootException">It is damaged, or nothing that boots here.</exception>
    internal static ElfImage Read(BootFile file)
    {
        Span<byte> identification = stackalloc byte[16];
        if (file.Length < (ulong)identification.Length)
        {
            throw new BootException($"'{file.Path}' is an ELF file that cannot be booted: it is truncated, it has {file.Length} bytes");
        }

        file.Read(0, identification);
        const byte LittleEndian = 1;
        return (identification[4], identification[5]) switch
        {
            (1, LittleEndian) => new ElfImage(file, is64: false),
            (2, LittleEndian) => new ElfImage(file, is64: true),
            var (width, order) => throw new BootException(
                $"'{file.Path}' is an ELF file that cannot be booted: class {width} and byte order {order}, class 1 or 2 and byte order 1 were expected"),
        };
    }

    private void ReadSegments()
    {
        byte[] header = ReadRange(0, _is64 ? 64UL : 52UL, "its header");
        ushort machine = Word(header, 18);
        if (machine is not (Machine386 or MachineX8664))
        {
            throw Bad($"it is for machine {machine}, {Machine386} (i386) or {MachineX8664} (x86-64) was expected");
        }

        ulong table = _is64 ? Qword(header, 32) : Dword(header, 28);
        int entryLength = Word(header, _is64 ? 54 : 42);
        int count = Word(header, _is64 ? 56 : 44);
        int expected = _is64 ? 56 : 32;
        if (count > MostSegments || (count > 0 && entryLength != expected))
        {
            throw Bad($"it has {count} program headers of {entryLength} bytes, at most {MostSegments} of {expected} were expected");
        }

        byte[] headers = ReadRange(table, (ulong)(count * expected), "its program headers");
        for (int i = 0; i < count; i++)
        {
            ReadSegment(headers.AsSpan(i * expected, expected), i);
        }
    }

    private void ReadSegment(ReadOnlySpan<byte> header, int index)
    {
        var segment = _is64
            ? new Segment(Qword(header, 8), Qword(header, 32), Qword(header, 24), Qword(header, 40))
            : new Segment(Dword(header, 4), Dword(header, 16), Dword(header, 12), Dword(header, 20));
        switch (Dword(header, 0))
        {
            case LoadSegment when segment.MemoryLength > 0 || segment.FileLength > 0:
                Check(segment, index);
                _segments.Add(segment);
                break;

            case NoteSegment:
                ulong alignment = _is64 ? Qword(header, 48) : Dword(header, 28);
                ReadNotes(segment, index, alignment == 8 ? 8UL : 4UL);
                break;

            default:
                break;
        }
    }

    private void Check(Segment segment, int index)
    {
        if (segment.FileLength > segment.MemoryLength)
        {
            throw Bad($"segment {index} has {segment.FileLength} bytes in the file, but only {segment.MemoryLength} in memory");
        }

        CheckInside(segment.Offset, segment.FileLength, $"segment {index}");
    }

    /// <summary>A note is three numbers (length of name, length of contents, type), the name and the contents, both padded.</summary>
    private void ReadNotes(Segment segment, int index, ulong alignment)
    {
        const ulong NoteHeader = 12;
        if (segment.FileLength > MostNotes)
        {
            throw Bad($"its notes (segment {index}) have {segment.FileLength} bytes, at most {MostNotes} were expected");
        }

        byte[] notes = ReadRange(segment.Offset, segment.FileLength, $"its notes (segment {index})");
        ulong length = (ulong)notes.Length;
        for (ulong at = 0; at + NoteHeader <= length;)
        {
            ulong nameLength = Dword(notes, (int)at);
            ulong contentLength = Dword(notes, (int)at + 4);
            uint type = Dword(notes, (int)at + 8);
            ulong name = at + NoteHeader;
            ulong content = Aligned(name + nameLength);
            if (content + contentLength > length)
            {
                throw Bad($"a note in segment {index} is longer than the segment");
            }

            if (type == PvhNote && notes.AsSpan((int)name, (int)nameLength).SequenceEqual("Xen\0"u8))
            {
                _entry = EntryOf(notes.AsSpan((int)content, (int)contentLength));
            }

            at = Aligned(content + contentLength);
        }

        ulong Aligned(ulong value) => (value + alignment - 1) & ~(alignment - 1);
    }

    private uint EntryOf(ReadOnlySpan<byte> content)
    {
        ulong entry = content.Length switch
        {
            4 => Dword(content, 0),
            8 => Qword(content, 0),
            _ => throw Bad($"its PVH note has {content.Length} bytes, 4 or 8 were expected"),
        };
        return entry <= uint.MaxValue ? (uint)entry : throw Bad($"its PVH entry point 0x{entry:x} is above 4 GiB");
    }

    private byte[] ReadRange(ulong position, ulong length, string what)
    {
        CheckInside(position, length, what);
        byte[] bytes = new byte[length];
        _file.Read(position, bytes);
        return bytes;
    }

    private void CheckInside(ulong position, ulong length, string what)
    {
        if (length > _file.Length || position > _file.Length - length)
        {
            throw Bad($"it is truncated: {what} would be {length} bytes from 0x{position:x} on, the file has {_file.Length} bytes");
        }
    }

    private BootException Bad(string why) => new($"'{_file.Path}' is an ELF file that cannot be booted: {why}");

    private static ushort Word(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    private static uint Dword(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static ulong Qword(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..]);
}
