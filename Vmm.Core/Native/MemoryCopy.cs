using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

/// <summary>Copies from and to memory that may be missing: the kernel copies, so a missing page is an error and never a signal.</summary>
internal static class MemoryCopy
{
    private static readonly byte[] Zeros = new byte[64 << 10];

    /// <summary>
    /// Copies from an address of this process. The kernel does it, so a page that is not available is an error (EFAULT) and never a signal.
    /// </summary>
    internal static unsafe void CopyFrom(nint address, Span<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            var there = new NativeMethods.IoVector { Base = address, Length = (nuint)buffer.Length };
            var here = new NativeMethods.IoVector { Base = (nint)p, Length = (nuint)buffer.Length };
            while (there.Length > 0)
            {
                Advance(ref here, ref there, NativeMethods.ProcessVmReadV(Environment.ProcessId, &here, 1, &there, 1, 0), "process_vm_readv");
            }
        }
    }

    /// <summary>Copies to an address of this process, as <see cref="CopyFrom"/> does.</summary>
    internal static unsafe void CopyTo(nint address, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            var there = new NativeMethods.IoVector { Base = address, Length = (nuint)buffer.Length };
            var here = new NativeMethods.IoVector { Base = (nint)p, Length = (nuint)buffer.Length };
            while (there.Length > 0)
            {
                Advance(ref here, ref there, NativeMethods.ProcessVmWriteV(Environment.ProcessId, &here, 1, &there, 1, 0), "process_vm_writev");
            }
        }
    }

    /// <summary>Copies from one address of this process to another, as <see cref="CopyTo"/> does.</summary>
    internal static unsafe void Copy(nint from, nint to, int length)
    {
        var there = new NativeMethods.IoVector { Base = from, Length = (nuint)length };
        var here = new NativeMethods.IoVector { Base = to, Length = (nuint)length };
        while (there.Length > 0)
        {
            Advance(ref here, ref there, NativeMethods.ProcessVmReadV(Environment.ProcessId, &here, 1, &there, 1, 0), "process_vm_readv");
        }
    }

    /// <summary>Where a span is that does not move, one on the stack.</summary>
    internal static unsafe nuint AddressOf(ReadOnlySpan<byte> onStack)
    {
        fixed (byte* p = onStack)
        {
            return (nuint)p;
        }
    }

    /// <summary>Writes zeros to an address of this process, as <see cref="CopyTo"/> does.</summary>
    internal static void Clear(nint address, nuint length)
    {
        while (length > 0)
        {
            int part = (int)Math.Min(length, (nuint)Zeros.Length);
            CopyTo(address, Zeros.AsSpan(0, part));
            address += part;
            length -= (nuint)part;
        }
    }

    private static void Advance(ref NativeMethods.IoVector here, ref NativeMethods.IoVector there, nint copied, string operation)
    {
        if (copied < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error != EINTR)
            {
                throw new PosixException(operation, error);
            }

            return;
        }

        here.Base += copied;
        here.Length -= (nuint)copied;
        there.Base += copied;
        there.Length -= (nuint)copied;
    }
}
