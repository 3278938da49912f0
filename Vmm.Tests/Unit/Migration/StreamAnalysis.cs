// Reads a stream by the JSON description at its end and by nothing else, as QEMU's scripts/analyze-migration.py does: fields one
// after the other, each by its type or, if that is unknown, by its size; an array element by element; a struct by the fields described in
// it; then the subsections that are described, each of which must be announced.

using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Vmm.Tests.Unit.Migration;

/// <summary>A reader of streams that knows no device.</summary>
internal sealed class StreamAnalysis
{
    private readonly byte[] _stream;
    private readonly JsonElement _description;
    private readonly List<string> _lines = [];
    private int _position;

    private StreamAnalysis(byte[] stream)
    {
        _stream = stream;
        int brace = Array.IndexOf(stream, (byte)'{', Array.LastIndexOf(stream, (byte)0));
        Assert.That(stream[brace - 5], Is.EqualTo(0x06), "the mark of a description");
        Assert.That(BinaryPrimitives.ReadInt32BigEndian(stream.AsSpan(brace - 4)), Is.EqualTo(stream.Length - brace), "its length");
        _description = JsonDocument.Parse(stream.AsMemory(brace)).RootElement;
    }

    /// <summary>Every value in a stream that ends in its description, one a line, as "section/instance.field = value".</summary>
    internal static IReadOnlyList<string> Of(byte[] stream)
    {
        var analysis = new StreamAnalysis(stream);
        analysis.ReadStream();
        return analysis._lines;
    }

    private void ReadStream()
    {
        Assert.That(Number(4), Is.EqualTo(0x5145564d), "magic");
        Assert.That(Number(4), Is.EqualTo(3), "version");
        for (int type; (type = (int)Number(1)) != 0;)
        {
            switch (type)
            {
                case 0x07:
                    ReadRecord(_description.GetProperty("configuration"), "configuration");
                    break;
                case 0x01 or 0x04:
                    ReadSection();
                    break;
                case 0x02 or 0x03:
                    Number(4);
                    ReadRam();
                    break;
                case 0x7e:
                    Number(4);
                    break;
                default:
                    Assert.Fail($"section type {type} before offset {_position}");
                    break;
            }
        }
    }

    private void ReadSection()
    {
        Number(4);
        string name = Name();
        ulong instance = Number(4);
        ulong version = Number(4);
        if (name == "ram")
        {
            ReadRam();
            return;
        }

        var device = _description.GetProperty("devices").EnumerateArray().Single(
            d => d.GetProperty("name").GetString() == name && d.GetProperty("instance_id").GetUInt64() == instance);
        Assert.That(device.GetProperty("version").GetUInt64(), Is.EqualTo(version), name);
        ReadRecord(device, $"{name}/{instance}");
    }

    private void ReadRam()
    {
        string block = "";
        for (ulong record; (record = Number(8)) != 0x10;)
        {
            ulong flags = record & 0xfff;
            if (flags == 4)
            {
                for (ulong left = record & ~0xfffUL; left > 0;)
                {
                    Name();
                    left -= Number(8);
                    _position += HasAddresses ? 8 : 0;
                }

                continue;
            }

            Assert.That(flags & ~0x20UL, Is.EqualTo(0x02).Or.EqualTo(0x08), $"the kind of a page before offset {_position}");
            block = (flags & 0x20) != 0 ? block : Name();
            int size = (flags & 0x08) != 0 ? 4096 : 1;
            if (size > 1 || _stream[_position] != 0)
            {
                Pages.Add((block, record & ~0xfffUL));
            }

            _position += size;
        }
    }

    /// <summary>Blocks that are left in files have their addresses in the table.</summary>
    private bool HasAddresses => _description.GetProperty("configuration").TryGetProperty("subsections", out var subsections)
        && subsections.EnumerateArray().Any(subsection => subsection.GetProperty("vmsd_name").GetString() == "configuration/capabilities");

    /// <summary>The pages that are not all zeros, by block and offset.</summary>
    private List<(string Block, ulong Offset)> Pages { get; } = [];

    /// <summary>The pages of a stream that are not all zeros, by block and offset.</summary>
    internal static IReadOnlyList<(string Block, ulong Offset)> PagesOf(byte[] stream)
    {
        var analysis = new StreamAnalysis(stream);
        analysis.ReadStream();
        return analysis.Pages;
    }

    private void ReadRecord(JsonElement record, string path)
    {
        Assert.That(record.GetProperty("vmsd_name").GetString(), Is.Not.Empty, path);
        foreach (var field in record.GetProperty("fields").EnumerateArray())
        {
            string name = $"{path}.{field.GetProperty("name").GetString()}";
            if (field.TryGetProperty("array_len", out var length))
            {
                for (int i = 0; i < length.GetInt32(); i++)
                {
                    ReadField(field, $"{name}[{i}]");
                }
            }
            else
            {
                ReadField(field, field.TryGetProperty("index", out var index) ? $"{name}[{index.GetInt32()}]" : name);
            }
        }

        if (!record.TryGetProperty("subsections", out var subsections))
        {
            return;
        }

        foreach (var subsection in subsections.EnumerateArray())
        {
            Assert.That(Number(1), Is.EqualTo(0x05), $"{path}: a subsection is announced");
            Assert.That(Name(), Is.EqualTo(subsection.GetProperty("vmsd_name").GetString()), path);
            Assert.That(Number(4), Is.EqualTo(subsection.GetProperty("version").GetUInt64()), path);
            ReadRecord(subsection, $"{path}:{subsection.GetProperty("vmsd_name").GetString()}");
        }
    }

    private void ReadField(JsonElement field, string path)
    {
        int size = field.GetProperty("size").GetInt32();
        switch (field.GetProperty("type").GetString())
        {
            case "struct":
                int end = _position + size;
                ReadRecord(field.GetProperty("struct"), path);
                Assert.That(_position, Is.EqualTo(end), $"the size of {path}");
                break;
            case "bool":
                Add(path, Number(size) != 0 ? "true" : "false");
                break;
            case "int32":
                Add(path, ((int)Number(size)).ToString(CultureInfo.InvariantCulture));
                break;
            case "int64":
                Add(path, ((long)Number(size)).ToString(CultureInfo.InvariantCulture));
                break;
            case "uint8" or "uint16" or "uint32" or "uint64":
                Add(path, Number(size).ToString(CultureInfo.InvariantCulture));
                break;
            default:
                Add(path, Runs(_stream.AsSpan(_position, size)));
                _position += size;
                break;
        }
    }

    private void Add(string path, string value) => _lines.Add($"{path} = {value}");

    /// <summary>Bytes in hexadecimal, a run of equal ones as "07*26".</summary>
    private static string Runs(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        while (bytes.Length > 0)
        {
            int run = bytes.IndexOfAnyExcept(bytes[0]);
            run = run < 0 ? bytes.Length : run;
            text.Append(CultureInfo.InvariantCulture, $"{bytes[0]:x2}").Append(run > 1 ? $"*{run} " : " ");
            bytes = bytes[run..];
        }

        return text.ToString().TrimEnd();
    }

    private ulong Number(int size)
    {
        ulong value = 0;
        foreach (byte next in _stream.AsSpan(_position, size))
        {
            value = (value << 8) | next;
        }

        _position += size;
        return value;
    }

    private string Name()
    {
        int length = (int)Number(1);
        _position += length;
        return Encoding.UTF8.GetString(_stream, _position - length, length);
    }
}
