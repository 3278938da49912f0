using System.Text;
using Vmm.Core.Acpi;
using Vmm.Core.Buses;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Model;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Devices.Sample;

/// <summary>A port: a byte written is kept and goes to the back end, and reads back.</summary>
internal sealed class SampleDevice(ushort port, bool inverts, IInterruptLine interrupt, Chardev backEnd) : Device, IPortDevice, IStateful
{
    private readonly Lock _lock = new();
    private readonly SampleState _state = new();

    /// <summary>What it has in flight; a test sets it.</summary>
    internal Task InFlight { get; set; } = Task.CompletedTask;

    /// <summary>Set when it was asked to finish that.</summary>
    internal TaskCompletionSource Drained { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public PortRange Ports => new(port, 2);

    public StateLayout Layout => SampleState.Layout;

    public override byte[] Aml => Vmm.Core.Acpi.Aml.Device("SMPL", Vmm.Core.Acpi.Aml.Name("_HID", Vmm.Core.Acpi.Aml.String("VMM0001")));

    public byte ReadByte(int offset)
    {
        lock (_lock)
        {
            byte last = _state.Last.Value;
            return offset == 0 ? (byte)(inverts ? ~last : last) : (byte)_state.Written;
        }
    }

    public void WriteByte(int offset, byte value)
    {
        lock (_lock)
        {
            if (offset == 1)
            {
                _state.Alarm = value;
                return;
            }

            _state.Last.Value = value;
            _state.History[value % SampleState.HistoryLength]++;
            _state.Written++;
            UpdateInterrupt();
        }

        lock (backEnd.Gate)
        {
            backEnd.Write([value]);
        }
    }

    public override void Reset()
    {
        lock (_lock)
        {
            _state.Written = 0;
            _state.Alarm = 0;
            _state.Last.Value = 0;
            _state.History.AsSpan().Clear();
            UpdateInterrupt();
        }
    }

    public override Task DrainAsync()
    {
        Drained.TrySetResult();
        return InFlight;
    }

    public void Save(StateWriter writer) => writer.Write(SampleState.Layout, _state);

    public void Load(StateReader reader) => reader.Read(SampleState.Layout, _state);

    public void Apply()
    {
        lock (_lock)
        {
            UpdateInterrupt();
        }
    }

    private void UpdateInterrupt() => interrupt.Set(_state.Alarm != 0 && _state.Last.Value == _state.Alarm);
}
