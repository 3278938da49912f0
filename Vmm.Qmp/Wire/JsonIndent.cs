using System.Buffers;

namespace Vmm.Qmp.Wire;

/// <summary>Indents JSON by four spaces a level, lines ended by CR LF.</summary>
internal static class JsonIndent
{
    /// <summary>Writes a message indented.</summary>
    /// <param name="json">Strict JSON without blanks outside of strings.</param>
    /// <param name="output">Where it goes.</param>
    internal static void Write(ReadOnlySpan<byte> json, IBufferWriter<byte> output)
    {
        int depth = 0;
        for (int i = 0; i < json.Length; i++)
        {
            byte b = json[i];
            bool empty = b is (byte)'{' or (byte)'[' && json[i + 1] == b + 2;
            switch (b)
            {
                case (byte)'"':
                    int end = EndOfString(json, i);
                    output.Write(json[i..end]);
                    i = end - 1;
                    break;
                case (byte)'{' or (byte)'[' when empty:
                    output.Write(json.Slice(i++, 2));
                    break;
                case (byte)'{' or (byte)'[':
                    output.Write([b]);
                    NewLine(++depth, output);
                    break;
                case (byte)'}' or (byte)']':
                    NewLine(--depth, output);
                    output.Write([b]);
                    break;
                case (byte)',':
                    output.Write([b]);
                    NewLine(depth, output);
                    break;
                case (byte)':':
                    output.Write(": "u8);
                    break;
                default:
                    output.Write([b]);
                    break;
            }
        }
    }

    private static int EndOfString(ReadOnlySpan<byte> json, int start)
    {
        int i = start + 1;
        while (json[i] != '"')
        {
            i += json[i] == '\\' ? 2 : 1;
        }

        return i + 1;
    }

    private static void NewLine(int depth, IBufferWriter<byte> output)
    {
        output.Write("\r\n"u8);
        for (int i = 0; i < depth; i++)
        {
            output.Write("    "u8);
        }
    }
}
