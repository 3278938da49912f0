using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Rng;

/// <summary>Random numbers from a file that is read without waiting: rng-random.</summary>
public sealed class FileRng : RngBackEnd
{
    private readonly SafeFileHandle _file;

    private FileRng(SafeFileHandle file) => _file = file;

    /// <summary>Opens a file. No byte of it is read.</summary>
    /// <exception cref="IOException">It cannot be opened; the message names it and the reason.</exception>
    public static FileRng Open(string path) => new(HostFile.OpenToRead(path));

    /// <inheritdoc/>
    public override int Fill(nint address, int length) => RngAnswer.Of(VectorIo.TryRead(_file, address, length));

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _file.Dispose();
        }

        base.Dispose(disposing);
    }
}
