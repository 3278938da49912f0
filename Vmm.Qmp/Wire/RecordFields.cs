using System.Text;
using Vmm.Core.State;

namespace Vmm.Qmp.Wire;

/// <summary>What the record of a session is made of, besides integers.</summary>
internal static class RecordFields
{
    /// <summary>Writes whether something is so.</summary>
    internal static void WriteFlag(this StateWriter record, bool flag) => record.WriteByte(flag ? (byte)1 : (byte)0);

    /// <summary>Reads what <see cref="WriteFlag"/> wrote.</summary>
    internal static bool ReadFlag(this StateReader record) => record.ReadByte() switch
    {
        0 => false,
        1 => true,
        var other => throw Damaged($"a flag is {other}"),
    };

    /// <summary>Writes bytes with their count before them.</summary>
    internal static void WriteBlob(this StateWriter record, ReadOnlySpan<byte> bytes)
    {
        record.WriteUInt32((uint)bytes.Length);
        record.WriteBytes(bytes);
    }

    /// <summary>Reads what <see cref="WriteBlob"/> wrote.</summary>
    internal static byte[] ReadBlob(this StateReader record) => record.ReadBytes((int)Math.Min(int.MaxValue, record.ReadUInt32())).ToArray();

    /// <summary>Writes a text of any length.</summary>
    internal static void WriteText(this StateWriter record, string text) => record.WriteBlob(Encoding.UTF8.GetBytes(text));

    /// <summary>Reads what <see cref="WriteText"/> wrote.</summary>
    internal static string ReadText(this StateReader record) => Encoding.UTF8.GetString(record.ReadBytes((int)Math.Min(int.MaxValue, record.ReadUInt32())));

    /// <summary>Writes items with their number before them.</summary>
    internal static void WriteList<T>(this StateWriter record, IReadOnlyCollection<T> items, Action<T> write)
    {
        record.WriteUInt32((uint)items.Count);
        foreach (var item in items)
        {
            write(item);
        }
    }

    /// <summary>Reads what <see cref="WriteList"/> wrote; each item has a byte at least, so a number that is damaged ends with the bytes.</summary>
    internal static List<T> ReadList<T>(this StateReader record, Func<T> read)
    {
        var items = new List<T>();
        for (uint left = record.ReadUInt32(); left > 0; left--)
        {
            items.Add(read());
        }

        return items;
    }

    /// <summary>The error of a record that no program wrote so.</summary>
    internal static StateException Damaged(string what) => new($"the record of the monitors' sessions is damaged: {what}");
}
