// A descriptor of KVM: the system's, a VM's or a vCPU's. Every ioctl goes through here, so every result is checked, every
// argument is at least as long as the request's number says, and every error names the request.

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Vmm.Core.Hypervisors;

namespace Vmm.Kvm.Native;

internal sealed class KvmFile : IDisposable
{
    private int _fd;

    private KvmFile(int fd) => _fd = fd;

    /// <summary>The descriptor's number, for the run loop, whose thread ends before the descriptor is closed.</summary>
    internal int Descriptor => _fd;

    /// <summary>Whether it was disposed.</summary>
    internal bool IsClosed => _fd < 0;

    public void Dispose()
    {
        int fd = Interlocked.Exchange(ref _fd, -1);
        if (fd >= 0)
        {
            _ = NativeMethods.Close(fd);
        }
    }

    /// <summary>Opens a device node; a negative result is the error number.</summary>
    internal static int TryOpen(string path, out KvmFile? file)
    {
        int fd = NativeMethods.Open(path, NativeMethods.ReadWrite | NativeMethods.CloseOnExec);
        file = fd < 0 ? null : new KvmFile(fd);
        return fd < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>Makes a request whose result is a new descriptor.</summary>
    internal KvmFile Create(KvmRequest request, nint argument) => new(Call(request, argument));

    /// <summary>Makes a request with a number as argument; answers the result.</summary>
    internal int Call(KvmRequest request, nint argument = 0) => Check(request, TryCall(request, argument));

    /// <summary>Makes a request with a structure as argument.</summary>
    internal int Call<T>(KvmRequest request, ref T argument)
        where T : unmanaged => Check(request, TryCall(request, ref argument));

    /// <summary>Makes a request with bytes as argument.</summary>
    internal int Call(KvmRequest request, Span<byte> argument) => Check(request, TryCall(request, argument));

    /// <summary>Makes a request; a negative result is the error number.</summary>
    internal int TryCall(KvmRequest request, nint argument)
    {
        int result = NativeMethods.IoControl(_fd, request.Code, argument);
        return result < 0 ? -Marshal.GetLastPInvokeError() : result;
    }

    /// <summary>Makes a request; a negative result is the error number.</summary>
    internal int TryCall<T>(KvmRequest request, ref T argument)
        where T : unmanaged => TryCall(request, MemoryMarshal.AsBytes(new Span<T>(ref argument)));

    /// <summary>Makes a request; a negative result is the error number.</summary>
    internal unsafe int TryCall(KvmRequest request, Span<byte> argument)
    {
        if (argument.Length < request.ArgumentSize)
        {
            throw new ArgumentException($"{request.Name} takes {request.ArgumentSize} bytes, {argument.Length} given", nameof(argument));
        }

        // Pinned for the call; the kernel keeps no pointer to any argument.
        fixed (byte* p = argument)
        {
            return TryCall(request, (nint)p);
        }
    }

    /// <summary>What KVM says of an extension; 0 means that it lacks it.</summary>
    internal int Extension(KvmCapability capability) => Call(KvmRequest.CheckExtension, (nint)capability);

    /// <summary>A request's result, or the error that it is.</summary>
    internal static int Check(KvmRequest request, int result) => result >= 0
        ? result
        : throw new HypervisorException($"{request.Name}: {Marshal.GetPInvokeErrorMessage(-result)} (error {-result})");
}
