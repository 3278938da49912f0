using Vmm.Core.Hypervisors;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Machines;

/// <summary>A vCPU that executes nothing.</summary>
internal sealed class FakeCpu(FakeHypervisor hypervisor, int index) : IVirtualCpu
{
    public int Index => index;

    // The process's first thread: it lives as long as any test.
    public int ThreadId => Environment.ProcessId;

    public StateLayout Layout => FakeCpuState.Layout;

    internal FakeCpuState State { get; } = new();

    internal FakeCpuState Applied { get; private set; } = new();

    internal CpuEntry? Entry { get; private set; }

    /// <summary>Whether what was applied is of another time, or of another host.</summary>
    internal bool IsOfAnotherTime { get; set; }

    public void Reset(CpuEntry? entry)
    {
        Entry = entry;
        State.Rip = entry?.InstructionPointer ?? 0;
        State.Halted = entry is null;
    }

    public void Save(StateWriter writer)
    {
        hypervisor.Note($"save cpu {index}");
        if (hypervisor.RefuseSave is { } reason)
        {
            throw new HypervisorException(reason);
        }

        writer.Write(FakeCpuState.Layout, State);
    }

    public void Load(StateReader reader) => reader.Read(FakeCpuState.Layout, State);

    public void Apply()
    {
        hypervisor.Note($"apply cpu {index}");
        Applied = State;
    }
}
