// RAM as a stream has it, into the blocks of a machine that was built for it. Nothing of a record is believed: its block, its offset and its kind are checked
// before a byte is written. Pages that follow each other are written together, and ranges of zeros are not written at all where they are zeros already.

using Vmm.Core.Configuration;
using Vmm.Core.Memory;
using Vmm.Core.State;

namespace Vmm.Migration.Streams;

/// <summary>Reads the section of RAM of a stream.</summary>
/// <param name="input">The stream.</param>
/// <param name="blocks">The machine's blocks.</param>
/// <param name="progress">What is counted.</param>
/// <param name="withAddresses">Whether the table has the addresses of blocks.</param>
internal sealed class RamReader(StreamInput input, IReadOnlyList<RamBlock> blocks, RamProgress progress, bool withAddresses = false)
{
    private const int Batch = 1 << 20;
    private const ulong Flags = VmStateStream.PageSize - 1;

    private readonly byte[] _pages = new byte[Batch];
    private readonly Dictionary<RamBlock, ulong> _writtenTo = [];
    private readonly HashSet<RamBlock> _named = [];
    private RamBlock? _block;
    private ulong _start;
    private ulong _length;
    private bool _isZeros;

    /// <summary>Reads the whole section: its start, its parts, its end.</summary>
    /// <exception cref="StateException">It is damaged, or is of another machine.</exception>
    /// <exception cref="IOException">The host cannot take a page.</exception>
    internal void Read()
    {
        uint id = ReadStart();
        while (true)
        {
            byte type = input.ReadByte();
            if (type is not (VmStateStream.SectionPart or VmStateStream.SectionEnd))
            {
                throw input.Damaged($"a part of the section of RAM, 0x{VmStateStream.SectionPart:x} or 0x{VmStateStream.SectionEnd:x}, expected, 0x{type:x} found");
            }

            input.Expect("section number", id, input.ReadUInt32());
            ReadRecords();
            input.ReadFooter(id);
            if (type == VmStateStream.SectionEnd)
            {
                RequireContents();
                return;
            }
        }
    }

    /// <summary>Memory of which the stream has no page is in a file, in that of this machine too: otherwise the guest would continue with zeros.</summary>
    private void RequireContents()
    {
        if (withAddresses && blocks.FirstOrDefault(block => !_named.Contains(block) && block.Kind != MemoryBackendKind.File) is { } block)
        {
            throw input.Damaged($"the saved guest's memory was left in its file, and RAM block '{block.Name}' here is none: a memory-backend-file of that path expected");
        }
    }

    private uint ReadStart()
    {
        input.Expect("section type", VmStateStream.SectionStart, input.ReadByte());
        uint id = input.ReadUInt32();
        string name = input.ReadName();
        uint instance = input.ReadUInt32();
        uint version = input.ReadUInt32();
        if (name != VmStateStream.RamSection || instance != 0 || version != VmStateStream.RamVersion)
        {
            throw input.Damaged($"section 'ram' 0 version {VmStateStream.RamVersion} expected, '{name}' {instance} version {version} found");
        }

        ulong head = input.ReadUInt64();
        if (head != (progress.Total | VmStateStream.RamTable))
        {
            throw input.Damaged($"a table of RAM blocks of 0x{progress.Total:x} bytes expected, its head is 0x{head:x}");
        }

        foreach (var block in blocks)
        {
            string received = input.ReadName();
            ulong size = input.ReadUInt64();
            if (received != block.Name || size != block.Size)
            {
                throw input.Damaged($"RAM block '{block.Name}' of {block.Size} bytes expected, '{received}' of {size} bytes found");
            }

            if (withAddresses && input.ReadUInt64() is var address and not RamTableEntry.Address)
            {
                throw input.Damaged($"RAM block '{block.Name}' at guest address 0x{RamTableEntry.Address:x} expected, at 0x{address:x} found");
            }
        }

        ReadRecords();
        input.ReadFooter(id);
        return id;
    }

    /// <summary>Reads page records up to the end of a part.</summary>
    private void ReadRecords()
    {
        while (true)
        {
            ulong head = input.ReadUInt64();
            ulong offset = head & ~Flags;
            switch (head & Flags)
            {
                case VmStateStream.RamEnd when offset == 0:
                    Flush();
                    return;
                case VmStateStream.RamPage or (VmStateStream.RamPage | VmStateStream.RamSameBlock):
                    Choose(head, offset);
                    AddData(offset, input.Take(VmStateStream.PageSize));
                    progress.CountData(1);
                    break;
                case VmStateStream.RamFill or (VmStateStream.RamFill | VmStateStream.RamSameBlock):
                    Choose(head, offset);
                    AddFill(offset, input.ReadByte());
                    progress.CountFill(1);
                    break;
                default:
                    throw input.Damaged($"a record of a page, or the end of a part of RAM, expected, 0x{head:x} found");
            }
        }
    }

    /// <summary>The block of a record, whose page must be in it.</summary>
    private void Choose(ulong head, ulong offset)
    {
        if ((head & VmStateStream.RamSameBlock) == 0)
        {
            string name = input.ReadName();
            var block = blocks.FirstOrDefault(block => block.Name == name)
                ?? throw input.Damaged($"a page of RAM block '{name}', which this machine has not: expected {string.Join(", ", blocks.Select(b => $"'{b.Name}'"))}");
            if (block != _block)
            {
                Flush();
                _block = block;
                _named.Add(block);
            }
        }

        if (_block is null)
        {
            throw input.Damaged("a page of the block of the page before, and there is none before");
        }

        if (offset >= _block.Size)
        {
            throw input.Damaged($"a page at 0x{offset:x} of RAM block '{_block.Name}', which has 0x{_block.Size:x} bytes");
        }
    }

    private void AddData(ulong offset, ReadOnlySpan<byte> page)
    {
        if (_isZeros || _length == Batch || offset != _start + _length)
        {
            Flush();
            (_start, _isZeros) = (offset, false);
        }

        page.CopyTo(_pages.AsSpan((int)_length));
        _length += VmStateStream.PageSize;
    }

    private void AddFill(ulong offset, byte value)
    {
        if (value != 0)
        {
            Span<byte> page = stackalloc byte[VmStateStream.PageSize];
            page.Fill(value);
            AddData(offset, page);
            return;
        }

        if (!_isZeros || offset != _start + _length)
        {
            Flush();
            (_start, _isZeros) = (offset, true);
        }

        _length += VmStateStream.PageSize;
    }

    private void Flush()
    {
        if (_length == 0)
        {
            return;
        }

        ulong end = _start + _length;
        ulong written = _writtenTo.GetValueOrDefault(_block!);
        if (!_isZeros)
        {
            _block!.Write(_start, _pages.AsSpan(0, (int)_length));
            _writtenTo[_block] = Math.Max(written, end);
        }
        else if (_block!.Kind == MemoryBackendKind.File || _start < written)
        {
            _block.Clear(_start, _length);
        }

        (_length, _isZeros) = (0, false);
    }
}
