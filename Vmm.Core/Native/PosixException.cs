using System.Runtime.InteropServices;

namespace Vmm.Core.Native;

/// <summary>A system call failed.</summary>
public sealed class PosixException : IOException
{
    /// <summary>Creates the error.</summary>
    /// <param name="operation">What was being done, in words: "open '/dev/kvm'".</param>
    /// <param name="errno">The error number.</param>
    public PosixException(string operation, int errno)
        : base($"{operation}: {Marshal.GetPInvokeErrorMessage(errno)}")
    {
        Errno = errno;
    }

    /// <summary>The error number.</summary>
    public int Errno { get; }

    /// <summary>What the number says, without what was being done.</summary>
    public string Reason => Marshal.GetPInvokeErrorMessage(Errno);
}
