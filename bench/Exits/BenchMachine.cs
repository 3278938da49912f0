using System.Runtime.InteropServices;
using Vmm.Core.Configuration;
using Vmm.Core.Hypervisors;
using Vmm.Kvm;

namespace Vmm.Bench.Exits;

/// <summary>A VM whose guest writes one port indefinitely.</summary>
internal sealed unsafe class BenchMachine : IDisposable
{
    private const int Size = 1 << 20;
    private const int CodeAddress = 0x1000;
    private readonly KvmHypervisor _kvm = new();
    private readonly void* _memory = NativeMemory.AlignedAlloc(Size, 4096);

    internal BenchMachine(IExitHandler exits)
    {
        // The guest's memory; freed after the VM.
        var memory = new Span<byte>(_memory, Size);
        memory.Clear();
        ReadOnlySpan<byte> guest = [0xe6, 0x10, 0xeb, 0xfc]; // out 0x10, al; jmp
        guest.CopyTo(memory[CodeAddress..]);
        Vm = _kvm.CreateMachine(new VirtualMachineOptions { Topology = CpuTopology.Single, Cpu = CpuModel.Default }, exits);
        Vm.AddMemory(new MemorySlot(0, 0, Size, (nint)_memory));
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
