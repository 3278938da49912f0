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

    private readonly byte[] _registers = new byte[16];
    private ulong _rip;
    private bool _halted;

    internal ref ulong Rip => ref _rip;

    internal ref bool Halted => ref _halted;

    internal Span<byte> Registers => _registers;
}
