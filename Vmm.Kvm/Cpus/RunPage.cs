using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Vmm.Core.Hypervisors;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus;

/// <summary>The pages that a vCPU shares with its thread: struct kvm_run and behind it the data of port accesses.</summary>
internal sealed unsafe class RunPage : IDisposable
{
    private readonly nuint _size;
    private nint _address;

    internal RunPage(KvmFile cpu, int size)
    {
        _size = (nuint)size;
        _address = NativeMethods.Map(0, _size, NativeMethods.Readable | NativeMethods.Writable, NativeMethods.Shared, cpu.Descriptor, 0);
        if (_address == -1)
        {
            _address = 0;
            throw new HypervisorException($"mmap of a vCPU's {size} bytes: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>The structure. Valid until disposed, and the vCPU's thread ends before that.</summary>
    internal ref KvmRun Run => ref *(KvmRun*)_address;

    /// <summary>Asks KVM_RUN to finish what it began and return at once. May be set from any thread.</summary>
    internal bool ImmediateExit
    {
        get => Volatile.Read(ref Run.ImmediateExit) != 0;
        set => Volatile.Write(ref Run.ImmediateExit, value ? (byte)1 : (byte)0);
    }

    /// <summary>A part of the pages; the kernel says where a port access's data are, and it is checked all the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Span<byte> Data(ulong offset, ulong length)
    {
        if (offset > _size || length > _size - offset)
        {
            throw new HypervisorException($"KVM_EXIT_IO: data at {offset}, {length} bytes, outside the {_size} bytes that are shared");
        }

        // Inside the mapping, as just checked.
        return new Span<byte>((byte*)_address + offset, (int)length);
    }

    public void Dispose()
    {
        nint address = Interlocked.Exchange(ref _address, 0);
        if (address != 0)
        {
            _ = NativeMethods.Unmap(address, _size);
        }
    }
}
