using System.Buffers.Binary;
using Vmm.Core.State;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Devices;

/// <summary>One of the three interrupt controllers: the 8259 pair and the I/O APIC.</summary>
internal sealed class KvmInterruptController : KvmDevice
{
    internal const uint PicMaster = 0;
    internal const uint PicSlave = 1;
    internal const uint IoApic = 2;
    private const int PicSize = 16;
    private const int IoApicSize = 216;
    private const int Header = 8;
    private const int ArgumentSize = 520;

    internal static readonly StateLayout<KvmDeviceState> PicLayout = new("kvm-i8259", version: 1)
    {
        { "registers", s => s.Bytes, PicSize },
    };

    internal static readonly StateLayout<KvmDeviceState> IoApicLayout = new("kvm-ioapic", version: 1)
    {
        { "registers", s => s.Bytes, IoApicSize },
    };

    private readonly KvmFile _machine;
    private readonly uint _chip;
    private readonly byte[] _argument = new byte[ArgumentSize];

    internal KvmInterruptController(KvmFile machine, uint chip)
        : base(chip == IoApic ? IoApicSize : PicSize)
    {
        _machine = machine;
        _chip = chip;
    }

    private protected override StateLayout<KvmDeviceState> TypedLayout => _chip == IoApic ? IoApicLayout : PicLayout;

    private protected override void Read(Span<byte> state)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_argument, _chip);
        _machine.Call(KvmRequest.GetIrqchip, _argument);
        _argument.AsSpan(Header, state.Length).CopyTo(state);
    }

    private protected override void Write(Span<byte> state)
    {
        _argument.AsSpan().Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(_argument, _chip);
        state.CopyTo(_argument.AsSpan(Header));
        _machine.Call(KvmRequest.SetIrqchip, _argument);
    }
}
