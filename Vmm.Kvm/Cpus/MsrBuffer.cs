using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus;

/// <summary>struct kvm_msrs: where model-specific registers pass on their way in and out of KVM.</summary>
internal sealed class MsrBuffer
{
    private const int Header = 8;
    private readonly byte[] _bytes = new byte[Header + (KvmCpuState.MsrCapacity * 16)];

    /// <summary>Reads registers. KVM stops at the first that it refuses: the result is how many it granted before.</summary>
    internal int Read(KvmFile cpu, Span<KvmMsr> msrs)
    {
        int count = cpu.Call(KvmRequest.GetMsrs, Fill(msrs));
        MemoryMarshal.Cast<byte, KvmMsr>(_bytes.AsSpan(Header))[..count].CopyTo(msrs);
        return count;
    }

    /// <summary>Writes registers. KVM stops at the first that it refuses: the result is how many it took before.</summary>
    internal int Write(KvmFile cpu, ReadOnlySpan<KvmMsr> msrs) => cpu.Call(KvmRequest.SetMsrs, Fill(msrs));

    private Span<byte> Fill(ReadOnlySpan<KvmMsr> msrs)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_bytes, msrs.Length);
        MemoryMarshal.AsBytes(msrs).CopyTo(_bytes.AsSpan(Header));
        return _bytes;
    }
}
