namespace Vmm.Core.State;

/// <summary>A type of number or truth value as a stream has it.</summary>
/// <param name="Name">Its name in a stream's description.</param>
/// <param name="Size">Its bytes.</param>
/// <param name="Write">Appends a value.</param>
/// <param name="Read">Takes a value, or refuses it naming the field.</param>
/// <param name="ToCount">The value as a number of elements; null for a type that counts nothing.</param>
internal sealed record ScalarType<TValue>(
    string Name, int Size, Action<StateWriter, TValue> Write, Func<StateReader, string, TValue> Read, Func<TValue, long>? ToCount = null);

/// <summary>The types that there are.</summary>
internal static class ScalarType
{
    internal static readonly ScalarType<byte> UInt8 =
        new("uint8", 1, static (writer, value) => writer.WriteByte(value),
            static (reader, _) => reader.ReadByte(), static value => value);

    internal static readonly ScalarType<ushort> UInt16 =
        new("uint16", 2, static (writer, value) => writer.WriteUInt16(value),
            static (reader, _) => reader.ReadUInt16(), static value => value);

    internal static readonly ScalarType<uint> UInt32 =
        new("uint32", 4, static (writer, value) => writer.WriteUInt32(value),
            static (reader, _) => reader.ReadUInt32(), static value => value);

    internal static readonly ScalarType<int> Int32 =
        new("int32", 4, static (writer, value) => writer.WriteUInt32((uint)value),
            static (reader, _) => (int)reader.ReadUInt32(), static value => value);

    internal static readonly ScalarType<ulong> UInt64 =
        new("uint64", 8, static (writer, value) => writer.WriteUInt64(value), static (reader, _) => reader.ReadUInt64());

    internal static readonly ScalarType<long> Int64 =
        new("int64", 8, static (writer, value) => writer.WriteUInt64((ulong)value),
            static (reader, _) => (long)reader.ReadUInt64());

    internal static readonly ScalarType<long> Timer = Int64 with { Name = "timer" };

    internal static readonly ScalarType<bool> Bool =
        new("bool", 1, static (writer, value) => writer.WriteByte(value ? (byte)1 : (byte)0), static (reader, field) => reader.ReadByte() switch
        {
            0 => false,
            1 => true,
            var other => throw new StateException($"{field}: 0 or 1 expected, {other} found"),
        });
}
