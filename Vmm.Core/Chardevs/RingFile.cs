// The memory of a ring: an anonymous file of a power of two, sealed against resizing, with all its blocks allocated.
//
// It is read and written by system calls at a position and never mapped: one that another process made can then refuse an access, which is an
// error of that access, and can raise no signal.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>The file that holds a ring's bytes. Not thread-safe.</summary>
internal sealed class RingFile : IDisposable
{
    internal RingFile(SafeFileHandle handle)
    {
        Handle = handle;
        Size = HostFile.Stat(handle).Size;
    }

    internal SafeFileHandle Handle { get; }

    /// <summary>How many bytes it holds, a power of two.</summary>
    internal ulong Size { get; }

    /// <summary>Makes one.</summary>
    /// <param name="name">Its name, as /proc shows it.</param>
    /// <param name="size">A power of two.</param>
    /// <exception cref="PosixException">The host gives no memory for it.</exception>
    internal static RingFile Create(string name, ulong size)
    {
        var handle = Memfd.Create(name, (long)size);
        try
        {
            HostFile.Allocate(handle, size);
            Memfd.SealSize(handle);
            return new RingFile(handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Why a descriptor holds no ring, or null.</summary>
    internal static string? WhyUnfit(SafeFileHandle handle) => DescriptorKind.SealedMemfd(handle, RingbufChardev.LargestSize);

    /// <summary>Writes after so many bytes that were written before; of more than fit, the last.</summary>
    /// <exception cref="PosixException">The host refuses it.</exception>
    internal void Write(ulong before, ReadOnlySpan<byte> bytes)
    {
        int skipped = Math.Max(0, bytes.Length - (int)Size);
        bytes = bytes[skipped..];
        var (position, first) = Split(before + (ulong)skipped, bytes.Length);
        HostFile.WriteAt(Handle, bytes[..first], position);
        HostFile.WriteAt(Handle, bytes[first..], 0);
    }

    /// <summary>Reads what was written after so many bytes.</summary>
    /// <exception cref="PosixException">The host refuses it.</exception>
    internal void Read(ulong before, Span<byte> bytes)
    {
        var (position, first) = Split(before, bytes.Length);
        HostFile.ReadAt(Handle, bytes[..first], position);
        HostFile.ReadAt(Handle, bytes[first..], 0);
    }

    public void Dispose() => Handle.Dispose();

    private (ulong Position, int First) Split(ulong before, int length)
    {
        ulong position = before & (Size - 1);
        return (position, (int)Math.Min((ulong)length, Size - position));
    }
}
