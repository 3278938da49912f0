// A disk image whose format was not given is probed: what begins as an image of another format does is not used as a raw one, for a guest
// would see the image's own tables and destroy them. Only raw images are served; another program can serve the others as a block device.

using System.Text;

namespace Vmm.Core.Backends.Block;

/// <summary>Recognises image formats by how they begin.</summary>
internal static class ImageFormat
{
    /// <summary>How much of an image is looked at.</summary>
    internal const int ProbedBytes = 4096;

    private static readonly (string Name, int Offset, byte[] Magic)[] Formats =
    [
        ("qcow2", 0, [.. "QFI"u8, 0xfb]),
        ("qed", 0, [.. "QED"u8, 0]),
        ("vmdk", 0, [.. "KDMV"u8]),
        ("vmdk", 0, [.. "COWD"u8]),
        ("vmdk", 0, [.. "# Disk DescriptorFile"u8]),
        ("vdi", 64, [0x7f, 0x10, 0xda, 0xbe]),
        ("vhdx", 0, [.. "vhdxfile"u8]),
        ("vpc", 0, [.. "conectix"u8]),
        ("parallels", 0, [.. "WithoutFreeSpace"u8]),
        ("parallels", 0, [.. "WithouFreSpacExt"u8]),
        ("luks", 0, [.. "LUKS"u8, 0xba, 0xbe]),
        ("bochs", 0, [.. "Bochs Virtual HD Image"u8]),
    ];

    /// <summary>The format of an image that begins so; null for a raw one.</summary>
    internal static string? Recognise(ReadOnlySpan<byte> beginning)
    {
        foreach (var (name, offset, magic) in Formats)
        {
            if (beginning.Length >= offset + magic.Length && beginning.Slice(offset, magic.Length).SequenceEqual(magic))
            {
                return name;
            }
        }

        return null;
    }

    /// <summary>Why an image of a format is not used, and what to do.</summary>
    internal static string Refusal(string path, string format) => new StringBuilder()
        .Append($"'{path}' is an image of format '{format}': only raw images are supported; ")
        .Append("convert it with 'qemu-img convert -O raw', or have qemu-nbd serve it as a block device and use driver host_device; ")
        .Append("format=raw uses the file as it is")
        .ToString();
}
