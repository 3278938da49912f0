// What an -object secret holds: given as text, or in a file; as it is, or in base64. While a guest runs a file is read only if that cannot take long:
// a regular one, as large as a secret may be.

using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Vmm.Core.Native;

namespace Vmm.Core.Machines;

/// <summary>Reads secrets.</summary>
public static class SecretContent
{
    /// <summary>The most bytes of a secret's file.</summary>
    public const int MostBytes = 1 << 16;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads a secret.</summary>
    /// <param name="data">The text; null if there is a file.</param>
    /// <param name="file">The path of the file; null if there is a text.</param>
    /// <param name="isBase64">Whether it is in base64.</param>
    /// <exception cref="ObjectException">It cannot be read, or both or none were given.</exception>
    public static byte[] Read(string? data, string? file, bool isBase64)
    {
        if (data is null == file is null)
        {
            throw new ObjectException(data is null ? "Either 'file' or 'data' must be provided" : "'file' and 'data' are mutually exclusive");
        }

        byte[] content = file is not null ? ReadFile(file) : Encode(data!);
        return isBase64 ? Decode(content) : content;
    }

    private static byte[] Encode(string data)
    {
        try
        {
            return Utf8.GetBytes(data);
        }
        catch (EncoderFallbackException)
        {
            throw new ObjectException("Parameter 'data' expects text in UTF-8");
        }
    }

    private static byte[] Decode(byte[] content)
    {
        byte[] decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(content.Length)];
        return Base64.DecodeFromUtf8(content, decoded, out _, out int length) == OperationStatus.Done
            ? decoded[..length]
            : throw new ObjectException("the secret is not in base64: expected format=raw, or data in base64");
    }

    private static byte[] ReadFile(string path)
    {
        if (path.Contains('\0', StringComparison.Ordinal))
        {
            throw new ObjectException("Parameter 'file' expects a path without zero bytes");
        }

        try
        {
            using var file = HostFile.OpenToRead(path);
            var status = HostFile.Stat(file);
            if (!status.IsRegular || status.Size > MostBytes)
            {
                throw new ObjectException(
                    $"Unable to read {path}: a regular file of at most {MostBytes} bytes was expected, it is {status.KindName}{(status.IsRegular ? $" of {status.Size} bytes" : "")}");
            }

            byte[] content = new byte[status.Size];
            return content[..HostFile.ReadAt(file, content, 0)];
        }
        catch (IOException refusal)
        {
            throw new ObjectException($"Unable to read {path}: {(refusal as PosixException)?.Reason ?? refusal.Message}");
        }
    }
}
