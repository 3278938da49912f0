using System.Runtime.InteropServices;
using Vmm.Core.Configuration;
using Vmm.Core.Hypervisors;
using Vmm.Kvm;

namespace Vmm.Bench.Exits;

/// <summary>A VM whose guest writes one port, or one address without memory, indefinitely.</summary>
internal sealed unsafe class BenchMachine : IDisposable
{
    /// <summary>Where the guest writes that writes no port.</summary>
    internal const ulong MmioAddress = 0x100050;

    private const int Size = 1 << 20;
    private const int CodeAddress = 0x1000;
    private readonly KvmHypervisor _kvm = new();
    private readonly void* _memory = NativeMemory.AlignedAlloc(Size, 4096);

    internal BenchMachine(IExitHandler exits, bool writesMmio = false)
    {
        // The guest's memory; freed after the VM.
        var memory = new Span<byte>(_memory, Size);
        memory.Clear();
        ReadOnlySpan<byte> guest = writesMmio
            ? [0xb8, 0xff, 0xff, 0x8e, 0xd8, 0x66, 0xa3, 0x60, 0x00, 0xeb, 0xfa] // mov ds, 0xffff; mov [0x60], eax; jmp
            : [0xe6, 0x10, 0xeb, 0xfc]; // out 0x10, al; jmp
        guest.CopyTo(memory[CodeAddress..]);
        Vm = _kvm.CreateMachine(new VirtualMachineOptions { Topology = CpuTopology.Single, Cpu = CpuModel.Default }, exits);
        Vm.Memory.Add(new MemorySlot(0, 0, Size, (nint)_memory));
        Vm.Cpus[0].Reset(new CpuEntry { Mode = CpuEntryMode.Real, InstructionPointer = CodeAddress });
    }

    internal IVirtualMachine Vm { get; }

    public void Dispose()
    {
        Vm.Dispose();
        _kvm.Dispose();
        NativeMemory.AlignedFree(_memory);
    }
}
