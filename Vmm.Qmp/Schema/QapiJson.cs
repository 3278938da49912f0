using System.Buffers;
using System.Text.Json;

namespace Vmm.Qmp.Schema;

/// <summary>How JSON is written for QMP clients.</summary>
public static class QapiJson
{
    /// <summary>One line, ASCII only, apostrophes as they are.</summary>
    public static JsonWriterOptions WriterOptions { get; } = new()
    {
        Encoder = new QapiEncoder(),
        MaxDepth = MaxDepth,
        SkipValidation = true,
    };

    /// <summary>How arguments are read: strict JSON.</summary>
    public static JsonReaderOptions ReaderOptions { get; } = new() { MaxDepth = MaxDepth };

    /// <summary>Levels of nesting, objects and arrays together, that a message may have.</summary>
    public const int MaxDepth = 1024;

    /// <summary>A writer with <see cref="WriterOptions"/>.</summary>
    /// <param name="output">Where the text goes, at the latest when the writer is flushed or disposed.</param>
    public static Utf8JsonWriter CreateWriter(IBufferWriter<byte> output) => new(output, WriterOptions);
}
