// How the machine's state travels on the main channel:
//
//     u32 "VMMs"  u32 1  u64 attempt  u64 length      the head; then `length` bytes of VM state stream
//     u32 "VMMe"  u32 CRC-32C of those bytes  u64 attempt  u64 length      the end record
//
// The end record is sent only after the baton was offered. So a reader that holds a complete and verified state also
// knows that it may take, and one that holds less never does.

using System.Buffers.Binary;
using Vmm.Migration.Channels;

namespace Vmm.Migration.Handover;

/// <summary>Head and end record of the state on the main channel; both are <see cref="Size"/> bytes.</summary>
internal static class StateFrame
{
    /// <summary>Bytes of the head, and of the end record.</summary>
    internal const int Size = 24;

    /// <summary>More state than any machine has.</summary>
    private const ulong Largest = 256 * 1024 * 1024;

    private const uint HeadMagic = 0x564d_4d73;
    private const uint EndMagic = 0x564d_4d65;
    private const uint FormatVersion = 1;

    internal static void WriteHead(Span<byte> head, ulong attempt, int length) =>
        Write(head, HeadMagic, FormatVersion, attempt, (ulong)length);

    internal static void WriteEnd(Span<byte> end, ulong attempt, ReadOnlySpan<byte> state) =>
        Write(end, EndMagic, Checksum.Of(state), attempt, (ulong)state.Length);

    /// <summary>Checks a head and returns the state's length.</summary>
    internal static int ReadHead(ReadOnlySpan<byte> head, ulong attempt)
    {
        var (magic, version, number, length) = Read(head);
        if (magic != HeadMagic)
        {
            throw new HandoverException($"Not a migration stream (bad magic {magic:x})");
        }

        if (version != FormatVersion)
        {
            throw new HandoverException($"Unsupported migration stream version {version}");
        }

        if (number != attempt)
        {
            throw new HandoverException($"the main channel carries attempt {number:x}, attempt {attempt:x} was prepared");
        }

        return length is >= PauseInstants.Size and <= Largest
            ? (int)length
            : throw new HandoverException($"a state of {length} bytes was announced, {PauseInstants.Size} to {Largest} are taken");
    }

    /// <summary>Checks an end record against the state that came before it.</summary>
    internal static void VerifyEnd(ReadOnlySpan<byte> end, ulong attempt, ReadOnlySpan<byte> state)
    {
        var (magic, checksum, number, length) = Read(end);
        if (magic != EndMagic || number != attempt || length != (ulong)state.Length)
        {
            throw new HandoverException("the state's end record is damaged");
        }

        uint actual = Checksum.Of(state);
        if (checksum != actual)
        {
            throw new HandoverException($"the state is damaged: checksum 0x{checksum:x8} expected, 0x{actual:x8} found");
        }
    }

    /// <summary>
    /// Looks whether what came so far ends with a valid end record, although the head promised more. The record carries the attempt's number, which
    /// no guest knows, so it does not stand in a state by chance.
    /// </summary>
    internal static void ThrowIfEnded(ReadOnlySpan<byte> soFar, ulong attempt, int promised)
    {
        if (soFar.Length < Size)
        {
            return;
        }

        var state = soFar[..^Size];
        var (magic, checksum, number, length) = Read(soFar[^Size..]);
        if (magic == EndMagic && number == attempt && length == (ulong)state.Length && checksum == Checksum.Of(state))
        {
            throw new HandoverException($"the state's head promises {promised} bytes, and its end record comes after {length}");
        }
    }

    private static void Write(Span<byte> record, uint magic, uint second, ulong attempt, ulong length)
    {
        BinaryPrimitives.WriteUInt32BigEndian(record, magic);
        BinaryPrimitives.WriteUInt32BigEndian(record[4..], second);
        BinaryPrimitives.WriteUInt64BigEndian(record[8..], attempt);
        BinaryPrimitives.WriteUInt64BigEndian(record[16..], length);
    }

    private static (uint Magic, uint Second, ulong Attempt, ulong Length) Read(ReadOnlySpan<byte> record) => (
        BinaryPrimitives.ReadUInt32BigEndian(record),
        BinaryPrimitives.ReadUInt32BigEndian(record[4..]),
        BinaryPrimitives.ReadUInt64BigEndian(record[8..]),
        BinaryPrimitives.ReadUInt64BigEndian(record[16..]));
}
