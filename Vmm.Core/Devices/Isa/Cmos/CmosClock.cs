// The CMOS clock: what a PC guest reads its wall-clock time from at boot.
//
// The guest writes a register number to port 0x70 and then moves one byte through 0x71. The time registers are computed
// from the host's clock at every read: nothing ticks here, and nothing can drift. A guest that sets the time moves an
// offset to the host's; while it does so (SET bit, or a stopped divider) the registers are plain bytes.
// The rest is battery-backed memory, where firmware keeps the sizes of RAM.
// Events and the interrupt are in CmosInterrupt.
// Source: MC146818A data sheet; registers 0x15 to 0x18, 0x30, 0x31, 0x34, 0x35 and 0x5b to 0x5d as PC firmware uses them.

using Vmm.Core.Buses;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.Model;
using Vmm.Core.State;
using static Vmm.Core.Devices.Isa.Cmos.CmosRegisters;

namespace Vmm.Core.Devices.Isa.Cmos;

/// <summary>The CMOS real-time clock on ports 0x70 and 0x71.</summary>
public sealed class CmosClock : Device, IPortDevice, IStateful
{
    private const int SelectPort = 0;
    private const byte NmiDisableBit = 0x80;
    private const long UpdateTicks = 244 * TimeSpan.TicksPerMicrosecond;

    private readonly Lock _lock = new();
    private readonly CmosState _state = new();
    private readonly TimeProvider _host;
    private readonly CmosInterrupt _interrupt;

    /// <summary>Creates the clock, with battery-backed memory as firmware would have left it.</summary>
    /// <param name="host">Where the time comes from; tests pass a fake.</param>
    /// <param name="interrupt">The wire of <see cref="Interrupt"/>.</param>
    /// <param name="timer">Wakes the clock when an interrupt is due.</param>
    /// <param name="memoryBelow4G">Bytes of guest RAM below 4 GiB.</param>
    /// <param name="memoryAbove4G">Bytes of guest RAM above 4 GiB.</param>
    public CmosClock(TimeProvider host, IInterruptLine interrupt, IDeviceTimer timer, long memoryBelow4G, long memoryAbove4G)
    {
        _host = host;
        _interrupt = new CmosInterrupt(_state, interrupt, timer, OnTimer);
        StoreMemorySizes(memoryBelow4G, memoryAbove4G);
        Reset();
    }

    /// <inheritdoc/>
    public PortRange Ports => new(IndexPort, 2);

    /// <inheritdoc/>
    public override byte[] Aml => CmosType.Aml;

    /// <inheritdoc/>
    public StateLayout Layout => CmosState.Layout;

    /// <inheritdoc/>
    public SavedForm CreateSavedForm(string section, int instance) => new CmosSavedForm(this, section, instance);

    private Span<byte> Registers => _state.Registers;

    private DateTime Now => InRange(_host.GetUtcNow().Ticks + _state.Offset);

    private bool IsRunning => (Registers[StatusB] & SetTime) == 0 && (Registers[StatusA] & DividerMask) <= DividerLastRunning;

    /// <summary>Reads a port. The select port is write-only and reads as all ones.</summary>
    public byte ReadByte(int offset)
    {
        if (offset == SelectPort)
        {
            return 0xff;
        }

        lock (_lock)
        {
            return ReadRegister(_state.Selected);
        }
    }

    /// <inheritdoc/>
    public void WriteByte(int offset, byte value)
    {
        lock (_lock)
        {
            if (offset == SelectPort)
            {
                _state.Selected = (byte)(value & ~NmiDisableBit);
            }
            else
            {
                WriteRegister(_state.Selected, value);
            }
        }
    }

    /// <summary>A machine reset: the battery keeps the time and the memory.</summary>
    public override void Reset()
    {
        lock (_lock)
        {
            WriteRegister(StatusA, StatusADefault);
            WriteRegister(StatusB, Hours24);
            _ = _interrupt.ReadEvents(Now.Ticks, IsRunning);
            Registers[StatusD] = ValidRam;
            _state.Selected = 0;
        }
    }

    /// <summary>Drives the interrupt line as the state says.</summary>
    public void Apply()
    {
        lock (_lock)
        {
            _interrupt.DriveLine();
        }
    }

    /// <summary>From now on events raise their interrupts by themselves; one that came meanwhile does so at once.</summary>
    public override void Resume()
    {
        lock (_lock)
        {
            _interrupt.Resume(Now.Ticks, IsRunning);
        }
    }

    /// <summary>When this returns, nothing but the guest's own accesses moves the interrupt line, until <see cref="Resume"/>.</summary>
    public override void Quiesce()
    {
        lock (_lock)
        {
            _interrupt.Quiesce();
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        lock (_lock)
        {
            writer.Write(CmosState.Layout, _state);
        }
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        lock (_lock)
        {
            reader.Read(CmosState.Layout, _state);
            if (_state.Selected >= CmosState.RegisterCount)
            {
                throw new StateException($"cmos_index: 0 to 127 expected, {_state.Selected} found");
            }

            if (reader.SectionVersion == 1)
            {
                // That clock had no events: those that have been until now are dropped.
                _state.EventsSeenUntil = Now.Ticks;
            }

            if (_state.EventsSeenUntil != InRange(_state.EventsSeenUntil).Ticks)
            {
                throw new StateException($"noticed: an instant in units of 100 ns since the year 1 expected, {_state.EventsSeenUntil} found");
            }
        }
    }

    private static DateTime InRange(long ticks) =>
        new(Math.Clamp(ticks, DateTime.MinValue.Ticks, DateTime.MaxValue.Ticks), DateTimeKind.Utc);

    private void OnTimer()
    {
        lock (_lock)
        {
            if (_interrupt.IsResumed)
            {
                CollectEvents();
            }
        }
    }

    private void CollectEvents() => _interrupt.Collect(Now.Ticks, IsRunning);

    private byte ReadRegister(byte register)
    {
        if (register == StatusC)
        {
            return _interrupt.ReadEvents(Now.Ticks, IsRunning);
        }

        if (CmosTime.Covers(register))
        {
            return IsRunning ? CmosTime.Read(register, Registers[StatusB], Now) : Registers[register];
        }

        bool updating = register == StatusA && IsRunning
            && Now.Ticks % TimeSpan.TicksPerSecond >= TimeSpan.TicksPerSecond - UpdateTicks;
        return (byte)(Registers[register] | (updating ? UpdateInProgress : 0));
    }

    private void WriteRegister(byte register, byte value)
    {
        switch (register)
        {
            case StatusC or StatusD:
                break;

            case StatusA:
                WriteControl(StatusA, (byte)(value & ~UpdateInProgress));
                break;

            case StatusB:
                // A clock that is being set reports no updates.
                WriteControl(StatusB, (value & SetTime) != 0 ? (byte)(value & ~UpdateFlag) : value);
                break;

            case AlarmSecond or AlarmMinute or AlarmHour:
                CollectEvents();
                Registers[register] = value;
                CollectEvents();
                break;

            case var _ when CmosTime.Covers(register) && IsRunning:
                CollectEvents();
                long fraction = Now.Ticks % TimeSpan.TicksPerSecond;
                StopClock();
                Registers[register] = value;
                StartClock(fraction);
                CollectEvents();
                break;

            default:
                Registers[register] = value;
                break;
        }
    }

    /// <summary>Status A and B say whether the clock runs; the time goes into the registers when it stops, and out of them when it starts.</summary>
    private void WriteControl(byte register, byte value)
    {
        CollectEvents();
        bool ran = IsRunning;
        if (ran)
        {
            StopClock();
        }

        Registers[register] = value;
        if (IsRunning && !ran)
        {
            StartClock(fraction: 0);
        }

        CollectEvents();
    }

    private void StopClock()
    {
        var now = Now;
        foreach (byte register in (ReadOnlySpan<byte>)[Second, Minute, Hour, Weekday, Day, Month, Year, Century])
        {
            Registers[register] = CmosTime.Read(register, Registers[StatusB], now);
        }
    }

    /// <summary>Continues from what the registers say; if that is no date, the time stays as it was.</summary>
    /// <param name="fraction">How far into the second, in units of 100 ns.</param>
    private void StartClock(long fraction)
    {
        if (CmosTime.Decode(Registers, Registers[StatusB]) is { } set)
        {
            _state.Offset = set.Ticks + fraction - _host.GetUtcNow().Ticks;
        }

        _state.EventsSeenUntil = Now.Ticks;
    }

    private void StoreMemorySizes(long below4G, long above4G)
    {
        const long KiB = 1024;
        const long MiB = 1024 * KiB;
        const long Unit = 64 * KiB;
        Store(BaseMemoryLow, Math.Min(below4G, 640 * KiB) / KiB, 2);
        long extended = Math.Clamp((below4G - MiB) / KiB, 0, ushort.MaxValue);
        Store(ExtendedMemoryLow, extended, 2);
        Store(ExtendedMemoryCopyLow, extended, 2);
        Store(MemoryAbove16MLow, Math.Clamp((below4G - (16 * MiB)) / Unit, 0, ushort.MaxValue), 2);
        Store(MemoryAbove4GLow, Math.Min(above4G / Unit, 0xffffff), 3);
    }

    private void Store(byte register, long value, int bytes)
    {
        for (int i = 0; i < bytes; i++)
        {
            Registers[register + i] = (byte)(value >> (8 * i));
        }
    }
}
