using Vmm.Core.State;

namespace Vmm.Tests.Unit.Machines;

/// <summary>What a fake vCPU has: enough to see whether it arrived.</summary>
internal sealed class FakeCpuState
{
    internal static readonly StateLayout<FakeCpuState> Layout = new("fake-cpu", version: 1)
    {
        { "rip", s => ref s.Rip },
        { "halted", s => ref s.Halted },
        { "registers", s => s.Registers, 16 },
    };

    internal ulong Rip;
    internal bool Halted;
    internal readonly byte[] Registers = new byte[16];
}
