// What a program that this process starts writes to its standard error: a file of a fixed size. However much the program writes, it never blocks and uses no
// more memory; what does not fit is lost.

using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Vmm.Core.Native;

/// <summary>The standard error of a program, and the last line in it. One thread at a time.</summary>
internal sealed class LastWords : IDisposable
{
    /// <summary>How much is kept, from the program's start on.</summary>
    private const int Most = 16 << 10;

    /// <summary>Makes the file.</summary>
    /// <exception cref="PosixException">The host gives none.</exception>
    internal LastWords()
    {
        File = Memfd.Create("program-errors", Most);
        try
        {
            Memfd.SealSize(File);
        }
        catch
        {
            File.Dispose();
            throw;
        }
    }

    /// <summary>The file to give to the program.</summary>
    internal SafeFileHandle File { get; }

    /// <summary>The last line; null for none.</summary>
    /// <param name="isNoise">Lines that say nothing; null where all count.</param>
    internal string? Read(Func<string, bool>? isNoise = null)
    {
        byte[] bytes = new byte[Most];
        int count = HostFile.ReadAt(File, bytes, 0);
        int end = bytes.AsSpan(0, count).IndexOf((byte)0);
        return Encoding.UTF8.GetString(bytes, 0, end < 0 ? count : end)
            .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .LastOrDefault(line => isNoise?.Invoke(line) != true);
    }

    /// <inheritdoc/>
    public void Dispose() => File.Dispose();
}
