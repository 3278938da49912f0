using Microsoft.Win32.SafeHandles;

namespace Vmm.Core.Native;

/// <summary>Files without a name, for what one program leaves to another.</summary>
public static class AnonymousFile
{
    /// <summary>Creates an empty one, close-on-exec.</summary>
    /// <param name="name">Its name, as /proc shows it.</param>
    /// <exception cref="PosixException">The host gives none.</exception>
    public static SafeFileHandle Create(string name) => Memfd.Create(name, 0);

    /// <summary>Reads from its beginning.</summary>
    /// <returns>How many bytes there were.</returns>
    /// <exception cref="PosixException">It cannot be read.</exception>
    public static int Read(SafeFileHandle file, Span<byte> buffer) => HostFile.ReadAt(file, buffer, 0);
}
