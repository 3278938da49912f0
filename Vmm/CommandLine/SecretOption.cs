using System.Buffers.Text;
using System.Text;
using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>-object secret: something that only its user may know, from a file or, where others cannot read the command line, from there.</summary>
internal static class SecretOption
{
    /// <summary>The most bytes of a secret's file.</summary>
    internal const int MostBytes = 1 << 16;

    private static readonly UTF8Encoding Text = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads data=TEXT or file=PATH, and [format=raw|base64].</summary>
    internal static SecretConfiguration Read(string id, OptionList options)
    {
        foreach (string key in new[] { "keyid", "iv" })
        {
            if (options.Take(key) is not null)
            {
                throw new CommandLineException($"{key}= is not supported: expected a secret that is not encrypted, best in a file= that only its user can read");
            }
        }

        var (data, file) = (options.Take("data"), options.TakeText("file"));
        bool isEncoded = options.TakeWord("format", ("raw", false), ("base64", true)) ?? false;
        options.Finish();
        if (data is null == file is null)
        {
            throw new CommandLineException(data is null ? "Either 'file' or 'data' must be provided" : "'file' and 'data' are mutually exclusive");
        }

        byte[] content = file is not null ? ReadFile(file) : Encode(data!);
        return new SecretConfiguration(id, isEncoded ? Decode(content) : content) { Filename = file };
    }

    private static byte[] Encode(string data)
    {
        try
        {
            return Text.GetBytes(data);
        }
        catch (EncoderFallbackException)
        {
            throw new CommandLineException("Parameter 'data' expects text in UTF-8");
        }
    }

    private static byte[] Decode(byte[] content)
    {
        byte[] decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(content.Length)];
        return Base64.DecodeFromUtf8(content, decoded, out _, out int length) == System.Buffers.OperationStatus.Done
            ? decoded[..length]
            : throw new CommandLineException("the secret is not in base64: expected format=raw, or data in base64");
    }

    private static byte[] ReadFile(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read);
            byte[] content = new byte[MostBytes + 1];
            int length = file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            return length <= MostBytes
                ? content[..length]
                : throw new CommandLineException($"Unable to read {path}: it is larger than {MostBytes} bytes, which is the most of a secret");
        }
        catch (Exception refusal) when (refusal is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CommandLineException($"Unable to read {path}: {refusal.Message}");
        }
    }
}
