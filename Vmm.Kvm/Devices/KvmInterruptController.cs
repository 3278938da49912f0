// KVM's timer pulses its line: up and down again, in two steps. State that was read between the two has the line up, and
// nothing ever takes it down in the machine that it is loaded into: there the next pulse is no edge, is not seen, and
// is never acknowledged, and KVM's timer waits for that before it pulses again. The guest would sleep indefinitely. So the
// line of the timer, which nothing else drives, is always loaded as down; whatever interrupt it had raised stays raised.

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
    internal const int PicSize = 16;
    internal const int IoApicSize = 216;
    private const int Header = 8;
    private const int ArgumentSize = 520;

    /// <summary>The byte of the 8259's state that has the levels of its lines (last_irr), and the timer's in it.</summary>
    private const int PicLevels = 0;
    private const byte PicTimer = 1 << 0;

    /// <summary>The 32 bits of the I/O APIC's state that have the levels of its pins (irr), and the timer's, pin 2, in it.</summary>
    private const int IoApicLevels = 16;
    private const uint IoApicTimer = 1 << 2;

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

    /// <inheritdoc/>
    public override SavedForm CreateSavedForm(string section, int instance) =>
        _chip == IoApic ? new IoApicSavedForm(this, instance) : new PicSavedForm(this, instance, _chip == PicSlave);

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
        var registers = _argument.AsSpan(Header);
        state.CopyTo(registers);
        switch (_chip)
        {
            case PicMaster:
                registers[PicLevels] &= unchecked((byte)~PicTimer);
                break;
            case IoApic:
                uint levels = BinaryPrimitives.ReadUInt32LittleEndian(registers[IoApicLevels..]);
                BinaryPrimitives.WriteUInt32LittleEndian(registers[IoApicLevels..], levels & ~IoApicTimer);
                break;
        }

        _machine.Call(KvmRequest.SetIrqchip, _argument);
    }
}
