// One of the two 8259s in a saved file: as QEMU's. KVM has its registers in the order of QEMU's section, but for the mode with a single 8259, which
// KVM does not have, and the mask of the inputs that may be level-triggered, which is the same in every PC.

using Vmm.Core.State;

namespace Vmm.Kvm.Devices;

/// <summary>An 8259 in a saved file.</summary>
internal sealed class PicSavedForm : SavedForm<KvmDeviceState>
{
    private const int Registers = 14;
    private const int LevelTriggered = 14;
    private const int LevelMask = 15;
    private const byte MasterMask = 0xf8;
    private const byte SlaveMask = 0xde;

    private readonly bool _isSlave;
    private readonly Record _record = new();

    internal PicSavedForm(IStateful controller, int instance, bool isSlave)
        : base(controller, KvmInterruptController.PicLayout, new KvmDeviceState(KvmInterruptController.PicSize))
    {
        _isSlave = isSlave;
        Parts = [new SavedPart<Record>(Record.Layout.Name, instance, Record.Layout, _record)];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<SavedPart> Parts { get; }

    /// <inheritdoc/>
    protected override void Fill(KvmDeviceState own)
    {
        own.Bytes.AsSpan(0, Registers).CopyTo(_record.Registers);
        _record.LevelTriggered = own.Bytes[LevelTriggered];
    }

    /// <inheritdoc/>
    protected override void Take(KvmDeviceState own)
    {
        _record.Registers.CopyTo(own.Bytes.AsSpan());
        own.Bytes[LevelTriggered] = _record.LevelTriggered;
        own.Bytes[LevelMask] = _isSlave ? SlaveMask : MasterMask;
    }

    /// <summary>QEMU's section.</summary>
    internal sealed class Record
    {
        internal static readonly StateLayout<Record> Layout = new("i8259", version: 1)
        {
            { "last_irr", s => ref s.Registers[0] },
            { "irr", s => ref s.Registers[1] },
            { "imr", s => ref s.Registers[2] },
            { "isr", s => ref s.Registers[3] },
            { "priority_add", s => ref s.Registers[4] },
            { "irq_base", s => ref s.Registers[5] },
            { "read_reg_select", s => ref s.Registers[6] },
            { "poll", s => ref s.Registers[7] },
            { "special_mask", s => ref s.Registers[8] },
            { "init_state", s => ref s.Registers[9] },
            { "auto_eoi", s => ref s.Registers[10] },
            { "rotate_on_auto_eoi", s => ref s.Registers[11] },
            { "special_fully_nested_mode", s => ref s.Registers[12] },
            { "init4", s => ref s.Registers[13] },
            { "single_mode", s => ref s._singleMode },
            { "elcr", s => ref s.LevelTriggered },
        };

        /// <summary>The registers, in KVM's order.</summary>
        internal readonly byte[] Registers = new byte[PicSavedForm.Registers];

        /// <summary>Which inputs are level-triggered.</summary>
        internal byte LevelTriggered;

        private byte _singleMode;
    }
}
