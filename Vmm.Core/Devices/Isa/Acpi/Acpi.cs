// ACPI's fixed hardware: how a guest is notified of the power button, switches itself off, and reads the time without trusting
// anything else.
//
// Twelve ports. The event block has a status and an enable register; a bit set in both raises the SCI, a level
// interrupt, and writing 1 to a status bit clears it. The control register takes a sleep type and, with SLP_EN, goes there;
// the only sleep state is S5, off. The timer counts 3.579545 MHz in 24 bits from the guest's clock.
// TMR_STS is computed from the timer when it is read. It raises the SCI at the next access only, not by itself: no guest
// uses the timer's interrupt, and a timer that must wake a thread every two seconds is not free.
// Source: ACPI specification 6.5, chapter 4.8.

using Vmm.Core.Acpi;
using Vmm.Core.Buses;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.Model;
using Vmm.Core.State;
using static Vmm.Core.Devices.Isa.Acpi.AcpiRegisters;

namespace Vmm.Core.Devices.Isa.Acpi;

/// <summary>The PM1 event and control blocks and the power management timer.</summary>
/// <param name="sci">The wire of <see cref="SystemControlInterrupt"/>.</param>
/// <param name="clock">What the timer counts.</param>
/// <param name="power">Takes the guest's power-off.</param>
public sealed class Acpi(IInterruptLine sci, GuestClock clock, IPowerControl power) : Device, IPortDevice, IStateful, IPowerButton, IFixedHardware
{
    private const int TimerOffset = TimerPort - Pm1EventPort;
    private const int EnableShift = 16;
    private const int ControlShift = 32;

    private readonly Lock _lock = new();
    private readonly AcpiState _state = new();
    private bool _sciLevel;

    /// <inheritdoc/>
    public PortRange Ports => new(Pm1EventPort, TimerOffset + TimerLength);

    /// <inheritdoc/>
    public FixedHardware FixedHardware => AcpiType.FixedHardware;

    /// <inheritdoc/>
    public override byte[] Aml => AcpiType.PowerButton;

    /// <inheritdoc/>
    public StateLayout Layout => AcpiState.Layout;

    private ulong TimerTicks => (ulong)((UInt128)(ulong)clock.Nanoseconds * TimerFrequency / 1_000_000_000);

    private ulong TimerHalves => TimerTicks >> (TimerBits - 1);

    private ushort Status =>
        (ushort)(_state.Status | (TimerHalves != _state.TimerAcknowledged ? TimerStatus : 0));

    /// <inheritdoc/>
    public byte ReadByte(int offset) => (byte)Read(offset, 1);

    /// <inheritdoc/>
    public void WriteByte(int offset, byte value) => Write(offset, 1, value);

    /// <inheritdoc/>
    public uint Read(int offset, int size)
    {
        uint mask = uint.MaxValue >> (32 - (8 * size));
        if (offset >= TimerOffset)
        {
            uint ticks = (uint)TimerTicks & ((1 << TimerBits) - 1);
            return (ticks >> (8 * (offset - TimerOffset))) & mask;
        }

        lock (_lock)
        {
            ulong registers = Status
                | ((ulong)_state.Enable << EnableShift)
                | ((ulong)(_state.Control | SciEnable) << ControlShift);
            return (uint)(registers >> (8 * offset)) & mask;
        }
    }

    /// <inheritdoc/>
    public void Write(int offset, int size, uint value)
    {
        if (offset >= TimerOffset)
        {
            return;
        }

        ulong mask = (ulong)(uint.MaxValue >> (32 - (8 * size))) << (8 * offset);
        ulong written = ((ulong)value << (8 * offset)) & mask;
        bool sleeps;
        lock (_lock)
        {
            ClearStatus((ushort)written);
            _state.Enable = (ushort)(Merge(_state.Enable, written >> EnableShift, mask >> EnableShift) & EnableBits);
            _state.Control = (ushort)(Merge(_state.Control, written >> ControlShift, mask >> ControlShift) & SleepTypeMask);
            sleeps = ((written >> ControlShift) & SleepEnable) != 0 && _state.Control >> SleepTypeShift == SleepTypeS5;
            UpdateSci();
        }

        if (sleeps)
        {
            power.RequestShutdown();
        }
    }

    /// <summary>The user pressed the power button: the guest is notified, if it listens. Any thread.</summary>
    public void Press()
    {
        lock (_lock)
        {
            _state.Status |= PowerButtonStatus;
            UpdateSci();
        }
    }

    /// <summary>Takes the registers to their power-on values. The timer continues.</summary>
    public override void Reset()
    {
        lock (_lock)
        {
            _state.Status = 0;
            _state.Enable = 0;
            _state.Control = 0;
            _state.TimerAcknowledged = TimerHalves;
            UpdateSci();
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        lock (_lock)
        {
            writer.Write(AcpiState.Layout, _state);
        }
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        lock (_lock)
        {
            reader.Read(AcpiState.Layout, _state);
        }
    }

    /// <inheritdoc/>
    public void Apply()
    {
        lock (_lock)
        {
            UpdateSci();
        }
    }

    private static ushort Merge(ushort old, ulong written, ulong mask) => (ushort)((old & ~mask) | (written & mask));

    private void ClearStatus(ushort bits)
    {
        _state.Status &= (ushort)~bits;
        if ((bits & TimerStatus) != 0)
        {
            _state.TimerAcknowledged = TimerHalves;
        }
    }

    private void UpdateSci()
    {
        bool level = (Status & _state.Enable & EnableBits) != 0;
        if (level != _sciLevel)
        {
            _sciLevel = level;
            sci.Set(level);
        }
    }
}
