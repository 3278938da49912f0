// The keyboard controller without a keyboard: a PC's reset line is connected to it, which is what it is here for.
//
// A guest writes 0xfe to port 0x64 to reset the machine. Guests also probe for a keyboard; the controller answers its own
// commands (self-test, mode byte, interface tests) so that a probe completes, and bytes for the keyboard go nowhere.
// The two ports are not adjacent, with another device's port between, so the device has two regions on the port bus.

using Vmm.Core.Buses;
using Vmm.Core.Devices.Model;
using Vmm.Core.State;
using static Vmm.Core.Devices.Isa.I8042.I8042Ports;

namespace Vmm.Core.Devices.Isa.I8042;

/// <summary>The controller; itself the region of the command port 0x64.</summary>
public sealed class I8042 : Device, IPortDevice, IStateful
{
    private readonly Lock _lock = new();
    private readonly I8042State _state = new();
    private readonly IPowerControl _power;

    /// <summary>Creates the controller in its power-on state.</summary>
    /// <param name="power">Takes the reset.</param>
    public I8042(IPowerControl power)
    {
        _power = power;
        DataPort = new DataRegion(this);
        Reset();
    }

    /// <summary>The region of the data port 0x60.</summary>
    public IPortDevice DataPort { get; }

    /// <inheritdoc/>
    public PortRange Ports => new(Command, 1);

    /// <inheritdoc/>
    public IEnumerable<IPortDevice> Regions => [this, DataPort];

    /// <inheritdoc/>
    public StateLayout Layout => I8042State.Layout;

    /// <inheritdoc/>
    public SavedForm CreateSavedForm(string section, int instance) => new I8042SavedForm(this, section, instance);

    /// <summary>Reads the status.</summary>
    public byte ReadByte(int offset)
    {
        lock (_lock)
        {
            return _state.Status;
        }
    }

    /// <summary>Takes a command.</summary>
    public void WriteByte(int offset, byte value)
    {
        bool reset;
        lock (_lock)
        {
            _state.Status |= StatusCommandLast;
            _state.PendingCommand = 0;
            reset = Execute(value);
        }

        if (reset)
        {
            _power.RequestReset();
        }
    }

    /// <summary>Takes the registers to their power-on values.</summary>
    public override void Reset()
    {
        lock (_lock)
        {
            _state.PendingCommand = 0;
            _state.Status = StatusCommandLast | StatusUnlocked;
            _state.Mode = ModeKeyboardDisabled | ModeAuxDisabled;
            _state.OutputPort = LineReset | LineA20;
            _state.Answer = 0;
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        lock (_lock)
        {
            writer.Write(I8042State.Layout, _state);
        }
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        lock (_lock)
        {
            reader.Read(I8042State.Layout, _state);
        }
    }

    /// <returns>Whether the command resets the machine.</returns>
    private bool Execute(byte command)
    {
        switch (command)
        {
            case ReadMode:
                AnswerWith(_state.Mode);
                break;
            case WriteMode or WriteOutputPort:
                _state.PendingCommand = command;
                break;
            case DisableAux:
                _state.Mode |= ModeAuxDisabled;
                break;
            case EnableAux:
                _state.Mode &= unchecked((byte)~ModeAuxDisabled);
                break;
            case DisableKeyboard:
                _state.Mode |= ModeKeyboardDisabled;
                break;
            case EnableKeyboard:
                _state.Mode &= unchecked((byte)~ModeKeyboardDisabled);
                break;
            case SelfTest:
                _state.Status |= StatusSelfTested;
                _state.Mode |= ModeSelfTested;
                AnswerWith(SelfTestPassed);
                break;
            case TestKeyboard:
                AnswerWith(InterfaceTestPassed);
                break;
            case TestAux:
                AnswerWith(InterfaceStuck);
                break;
            case ReadOutputPort:
                AnswerWith(_state.OutputPort);
                break;
            case >= FirstPulse:
                return (command & LineReset) == 0;
            default:
                break;
        }

        return false;
    }

    private void AnswerWith(byte value)
    {
        _state.Answer = value;
        _state.Status |= StatusOutputFull;
    }

    private byte ReadData()
    {
        lock (_lock)
        {
            _state.Status &= unchecked((byte)~StatusOutputFull);
            return _state.Answer;
        }
    }

    private void WriteData(byte value)
    {
        bool reset = false;
        lock (_lock)
        {
            _state.Status &= unchecked((byte)~StatusCommandLast);
            if (_state.PendingCommand == WriteMode)
            {
                _state.Mode = value;
            }
            else if (_state.PendingCommand == WriteOutputPort)
            {
                // A low reset line cannot be seen to stay low: the reset brings it back up.
                _state.OutputPort = (byte)(value | LineReset);
                reset = (value & LineReset) == 0;
            }

            _state.PendingCommand = 0;
        }

        if (reset)
        {
            _power.RequestReset();
        }
    }

    private sealed class DataRegion(I8042 controller) : IPortDevice
    {
        public PortRange Ports => new(Data, 1);

        public byte ReadByte(int offset) => controller.ReadData();

        public void WriteByte(int offset, byte value) => controller.WriteData(value);
    }
}
