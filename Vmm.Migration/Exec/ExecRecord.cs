// What a program leaves to the one that replaces it by exec: a memfd whose number the environment gives (ExecEnvironment).
//
//     u32 "VMMx"  u32 1  u64 length  u32 CRC-32C of what follows      then parts: u32 tag  u32 length  bytes
//
// A reader skips parts whose tags it does not know, and a later program adds parts and never changes one: either of two versions reads the other's.
// The plan and the state are those of the handover between two processes (PlanCodec, StateFrame's content), and so are the names of
// descriptors; only that a descriptor is here by its number, which stays its own across exec.

using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;

namespace Vmm.Migration.Exec;

/// <summary>What the replacing program needs to know.</summary>
internal sealed record ExecRecord
{
    private const uint Magic = 0x564d_4d78;
    private const uint FormatVersion = 1;
    private const int HeadSize = 20;

    /// <summary>More than any machine and its clients have.</summary>
    private const int Largest = 512 << 20;

    /// <summary>What the parts are; the numbers never change.</summary>
    private enum Tag : uint
    {
        Protocol = 1,
        Plan = 2,
        State = 3,
        Descriptors = 4,
        Content = 5,
        WayBack = 6,
        Keeper = 7,
        Settings = 8,
    }

    /// <summary>The protocol version of plan and state.</summary>
    internal required ushort Protocol { get; init; }

    /// <summary>The plan, as the protocol has it.</summary>
    internal required ReadOnlyMemory<byte> Plan { get; init; }

    /// <summary>The machine's state, and behind it the instants of the pause.</summary>
    internal required ReadOnlyMemory<byte> State { get; init; }

    /// <summary>The open descriptors: what each is, and its number.</summary>
    internal required IReadOnlyList<(string Name, int Number)> Descriptors { get; init; }

    /// <summary>What of the process continues, by name: sessions of clients.</summary>
    internal required IReadOnlyList<(string Name, ReadOnlyMemory<byte> Content)> Contents { get; init; }

    /// <summary>The program that went: its open file, and its arguments.</summary>
    internal required (int Image, IReadOnlyList<byte[]> Arguments) WayBack { get; init; }

    /// <summary>The keeper: the channel to it, the descriptor of its process, and its number.</summary>
    internal required (int Channel, int Process, int ProcessId) Keeper { get; init; }

    /// <summary>What its operator had set; for the program that went, if it comes back.</summary>
    internal required ExecSettings Settings { get; init; }

    /// <summary>Every number of a descriptor in it, each once.</summary>
    internal IEnumerable<int> Numbers => Descriptors.Select(descriptor => descriptor.Number)
        .Concat([WayBack.Image, Keeper.Channel, Keeper.Process]).Distinct();

    /// <summary>The record as bytes.</summary>
    internal ReadOnlyMemory<byte> Write()
    {
        var writer = new StateWriter(State.Length + Plan.Length + (64 << 10));
        writer.Reserve(HeadSize);
        Part(writer, Tag.Protocol, () => writer.WriteUInt16(Protocol));
        Part(writer, Tag.Plan, () => writer.WriteBytes(Plan.Span));
        Part(writer, Tag.State, () => writer.WriteBytes(State.Span));
        Part(writer, Tag.Descriptors, () => PlanCodec.WriteList(writer, Descriptors, descriptor =>
        {
            writer.WriteText(descriptor.Name);
            writer.WriteUInt32((uint)descriptor.Number);
        }));
        foreach (var (name, content) in Contents)
        {
            Part(writer, Tag.Content, () =>
            {
                writer.WriteText(name);
                writer.WriteBytes(content.Span);
            });
        }

        Part(writer, Tag.WayBack, () =>
        {
            writer.WriteUInt32((uint)WayBack.Image);
            ExecArguments.Write(writer, WayBack.Arguments);
        });
        Part(writer, Tag.Keeper, () =>
        {
            writer.WriteUInt32((uint)Keeper.Channel);
            writer.WriteUInt32((uint)Keeper.Process);
            writer.WriteUInt32((uint)Keeper.ProcessId);
        });
        Part(writer, Tag.Settings, () => Settings.Write(writer));

        var head = new StateWriter(HeadSize);
        head.WriteUInt32(Magic);
        head.WriteUInt32(FormatVersion);
        head.WriteUInt64((ulong)(writer.Length - HeadSize));
        head.WriteUInt32(Checksum.Of(writer.Written[HeadSize..]));
        head.Written.CopyTo(writer.WritableSpan(0, HeadSize));
        return writer.WrittenMemory;
    }

    /// <summary>Reads a record.</summary>
    /// <exception cref="StateException">The bytes are none.</exception>
    internal static ExecRecord Read(ReadOnlyMemory<byte> bytes)
    {
        var head = new StateReader(bytes);
        uint magic = head.ReadUInt32();
        if (magic != Magic)
        {
            throw new StateException($"Not a migration stream (bad magic {magic:x})");
        }

        uint version = head.ReadUInt32();
        ulong length = head.ReadUInt64();
        uint checksum = head.ReadUInt32();
        if (version != FormatVersion || length != (ulong)(bytes.Length - HeadSize) || length > Largest)
        {
            throw new StateException(
                $"a record of version {version} with {length} bytes, where version {FormatVersion} with {bytes.Length - HeadSize}, at most {Largest}, was expected");
        }

        var content = bytes[HeadSize..];
        uint actual = Checksum.Of(content.Span);
        return actual == checksum
            ? Assemble(PartsOf(content))
            : throw new StateException($"the record is damaged: checksum 0x{checksum:x8} expected, 0x{actual:x8} found");
    }

    private static List<(Tag Tag, ReadOnlyMemory<byte> Content)> PartsOf(ReadOnlyMemory<byte> content)
    {
        var reader = new StateReader(content);
        var parts = new List<(Tag, ReadOnlyMemory<byte>)>();
        while (reader.Remaining > 0)
        {
            var tag = (Tag)reader.ReadUInt32();
            uint length = reader.ReadUInt32();
            if (length > (uint)reader.Remaining)
            {
                throw new StateException($"part {(uint)tag} of the record announces {length} bytes, {reader.Remaining} are left");
            }

            parts.Add((tag, content.Slice(reader.Position, (int)length)));
            reader.ReadBytes((int)length);
        }

        return parts;
    }

    private static ExecRecord Assemble(List<(Tag Tag, ReadOnlyMemory<byte> Content)> parts)
    {
        ReadOnlyMemory<byte> Only(Tag tag)
        {
            var found = parts.Where(part => part.Tag == tag).Take(2).ToArray();
            return found.Length == 1 ? found[0].Content : throw new StateException($"the record has {found.Length} parts '{tag}', one was expected");
        }

        T Whole<T>(Tag tag, Func<StateReader, T> read)
        {
            var reader = new StateReader(Only(tag));
            var value = read(reader);
            return reader.Remaining == 0 ? value : throw new StateException($"{reader.Remaining} bytes follow part '{tag}' of the record");
        }

        return new ExecRecord
        {
            Protocol = Whole(Tag.Protocol, reader => reader.ReadUInt16()),
            Plan = Only(Tag.Plan),
            State = Only(Tag.State),
            Descriptors = Whole(Tag.Descriptors, reader => PlanCodec.ReadList(reader, () => (reader.ReadText(), ReadNumber(reader)))),
            Contents =
            [
                .. parts.Where(part => part.Tag == Tag.Content).Select(part =>
                {
                    var reader = new StateReader(part.Content);
                    return (reader.ReadText(), part.Content[reader.Position..]);
                }),
            ],
            WayBack = Whole(Tag.WayBack, ReadWayBack),
            Keeper = Whole(Tag.Keeper, reader => (ReadNumber(reader), ReadNumber(reader), ReadNumber(reader))),
            Settings = ExecSettings.Read(new StateReader(Only(Tag.Settings))),
        };
    }

    private static void Part(StateWriter writer, Tag tag, Action write)
    {
        writer.WriteUInt32((uint)tag);
        int length = writer.Length;
        writer.WriteUInt32(0);
        write();
        writer.PatchUInt32(length, (uint)(writer.Length - length - sizeof(uint)));
    }

    private static (int Image, IReadOnlyList<byte[]> Arguments) ReadWayBack(StateReader reader)
    {
        int image = ReadNumber(reader);
        var arguments = ExecArguments.Read(reader);
        return arguments.Count > 0 ? (image, arguments) : throw new StateException("the record names no program that went");
    }

    private static int ReadNumber(StateReader reader) =>
        reader.ReadUInt32() is <= int.MaxValue and var number ? (int)number : throw new StateException("the number of a descriptor or process was expected");
}
