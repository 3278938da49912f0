// The JSON text at the end of a stream in QEMU's layout and says what the bytes before it are, so that a reader which
// knows no device (QEMU's scripts/analyze-migration.py is the known one) can print them:
//
//     {"configuration": RECORD, "page_size": 4096, "devices": [{"name", "instance_id", RECORD}, …]}
//     RECORD is "vmsd_name", "version", "fields": [FIELD, …] and, where there are any, "subsections": [RECORD, …]
//     FIELD  is "name", "array_len" or "index" where it is an array, "type", "struct": RECORD where it is one, "size"
//
// It is made from the stream after that was written. RAM has no description: every reader knows it.

using System.Globalization;
using System.Text;
using Vmm.Core.Machines;
using Vmm.Core.State;

namespace Vmm.Migration.Streams;

/// <summary>Describes the state of a machine as it is in a stream.</summary>
internal static class VmStateDescription
{
    private const int PageSize = 4096;

    /// <summary>The text that describes a stream.</summary>
    /// <param name="stream">What <see cref="VmStateWriter"/> wrote.</param>
    /// <param name="machineType">The machine type in it.</param>
    /// <param name="ram">The RAM blocks in it.</param>
    /// <param name="sections">The machine's sections.</param>
    /// <param name="configuration">What it has as configuration, where that is more than the machine type.</param>
    /// <param name="first">A section that stands before that of RAM in the stream to be described, though it is not in <paramref name="stream"/>; instance 0.</param>
    /// <exception cref="StateException">The stream is not the state of this machine.</exception>
    internal static string Of(
        ReadOnlyMemory<byte> stream, string machineType, IReadOnlyList<RamTableEntry> ram, IReadOnlyList<StateSection> sections,
        StateDescription? configuration = null, StateDescription? first = null)
    {
        var reader = new StateReader(stream);
        VmStateReader.ReadStart(reader, machineType, ram);
        var text = new StringBuilder("{\"configuration\":{");
        AppendRecord(text, configuration ?? Configuration(machineType));
        text.Append(CultureInfo.InvariantCulture, $"}},\"page_size\":{PageSize},\"devices\":[");
        string separator = "{";
        if (first is not null)
        {
            text.Append(separator);
            AppendSection(text, first.Name, instance: 0, first);
            separator = ",{";
        }

        byte type;
        while ((type = reader.ReadByte()) == VmStateStream.SectionFull)
        {
            uint id = reader.ReadUInt32();
            string name = reader.ReadName();
            uint instance = reader.ReadUInt32();
            uint version = reader.ReadUInt32();
            var section = sections.FirstOrDefault(section => section.Name == name && (uint)section.Instance == instance)
                ?? throw new StateException($"section '{name}' {instance} is none of this machine's");
            reader.SectionVersion = section.Item.Layout.RequireReadable(version);
            text.Append(separator);
            AppendSection(text, name, instance, reader.Describe(section.Item.Layout));
            VmStateReader.ReadFooter(reader, id);
            separator = ",{";
        }

        VmStateReader.RequireEnd(reader, type);
        text.Append("]}");

        // Readers look for the first brace behind the last zero byte before the text. Its length is there.
        while (HasBraceByte(text.Length))
        {
            text.Append(' ');
        }

        return text.ToString();
    }

    private static bool HasBraceByte(int number) => number != 0 && ((byte)number == (byte)'{' || HasBraceByte(number >> 8));

    private static StateDescription Configuration(string machineType) =>
        new("configuration", 1, [new("len", "uint32", sizeof(uint)), new("name", "buffer", Encoding.UTF8.GetByteCount(machineType))], []);

    private static void AppendSection(StringBuilder text, string name, uint instance, StateDescription record)
    {
        AppendText(text, "name", name);
        text.Append(CultureInfo.InvariantCulture, $",\"instance_id\":{instance},");
        AppendRecord(text, record);
        text.Append('}');
    }

    private static void AppendRecord(StringBuilder text, StateDescription record)
    {
        AppendText(text, "vmsd_name", record.Name);
        text.Append(CultureInfo.InvariantCulture, $",\"version\":{record.Version},\"fields\":[");
        for (int i = 0; i < record.Fields.Count; i++)
        {
            text.Append(i == 0 ? "{" : ",{");
            AppendField(text, record.Fields[i]);
            text.Append('}');
        }

        text.Append(']');
        for (int i = 0; i < record.Subsections.Count; i++)
        {
            text.Append(i == 0 ? ",\"subsections\":[{" : ",{");
            AppendRecord(text, record.Subsections[i]);
            text.Append(i == record.Subsections.Count - 1 ? "}]" : "}");
        }
    }

    private static void AppendField(StringBuilder text, FieldDescription field)
    {
        AppendText(text, "name", field.Name);
        if (field.ArrayLength is { } length)
        {
            text.Append(CultureInfo.InvariantCulture, $",\"array_len\":{length}");
        }

        if (field.Index is { } index)
        {
            text.Append(CultureInfo.InvariantCulture, $",\"index\":{index}");
        }

        text.Append(',');
        AppendText(text, "type", field.Type);
        if (field.Struct is { } record)
        {
            text.Append(",\"struct\":{");
            AppendRecord(text, record);
            text.Append('}');
        }

        text.Append(CultureInfo.InvariantCulture, $",\"size\":{field.Size}");
    }

    /// <summary>A member whose value is a text. Whatever is not plain ASCII is escaped, so that the text has neither quotes nor zero bytes.</summary>
    private static void AppendText(StringBuilder text, string member, string value)
    {
        text.Append('"').Append(member).Append("\":\"");
        foreach (char c in value)
        {
            if (c is >= ' ' and <= '~' and not '"' and not '\\')
            {
                text.Append(c);
            }
            else
            {
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
        }

        text.Append('"');
    }
}
