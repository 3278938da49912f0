using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Hosting;

/// <summary>
/// Lines to standard output and standard error. The runtime's own way there needs a descriptor and a thread more, which a host that has just
/// refused something may not give.
/// </summary>
internal static class StandardStream
{
    private static readonly SafeFileHandle OutputHandle = new(1, ownsHandle: false);
    private static readonly SafeFileHandle ErrorHandle = new(2, ownsHandle: false);

    /// <summary>Writes a line to standard output. Where there is none, or it takes nothing, the line is lost.</summary>
    internal static void WriteOutput(string line) => Write(OutputHandle, line);

    /// <summary>Writes a line to standard error. Where there is none, or it takes nothing, the line is lost.</summary>
    internal static void WriteError(string line) => Write(ErrorHandle, line);

    private static void Write(SafeFileHandle stream, string line)
    {
        ReadOnlySpan<byte> left = Encoding.UTF8.GetBytes(line + "\n");
        try
        {
            while (!left.IsEmpty && FileDescriptor.Write(stream, left) is > 0 and var written)
            {
                left = left[written..];
            }
        }
        catch (PosixException)
        {
            return;
        }
    }
}
