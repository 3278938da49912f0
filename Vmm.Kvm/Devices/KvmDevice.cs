// A device that lives in KVM: the two 8259 interrupt controllers, the I/O APIC, the 8254 timer.
//
// KVM hands its registers out as one structure and takes them back the same way. What it handed out right after creation is
// the power-on state, and a reset gives it back.

using Vmm.Core.Hypervisors;
using Vmm.Core.State;

namespace Vmm.Kvm.Devices;

/// <summary>An in-kernel device whose state is one structure.</summary>
internal abstract class KvmDevice : IStateful
{
    private readonly KvmDeviceState _state;
    private readonly byte[] _atPowerOn;

    private protected KvmDevice(int size)
    {
        _state = new KvmDeviceState(size);
        _atPowerOn = new byte[size];
    }

    /// <inheritdoc/>
    public StateLayout Layout => TypedLayout;

    private protected abstract StateLayout<KvmDeviceState> TypedLayout { get; }

    /// <inheritdoc/>
    public abstract SavedForm CreateSavedForm(string section, int instance);

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        Read(_state.Bytes);
        writer.Write(TypedLayout, _state);
    }

    /// <inheritdoc/>
    public void Load(StateReader reader) => reader.Read(TypedLayout, _state);

    /// <inheritdoc/>
    public void Apply()
    {
        try
        {
            Write(_state.Bytes);
        }
        catch (HypervisorException refusal)
        {
            throw new StateException($"{Layout.Name}: {refusal.Message}", refusal);
        }
    }

    /// <summary>Remembers the state as the one at power-on.</summary>
    internal void RememberPowerOn() => Read(_atPowerOn);

    /// <summary>Puts the device into its power-on state.</summary>
    internal void Reset() => Write(_atPowerOn);

    private protected abstract void Read(Span<byte> state);

    private protected abstract void Write(Span<byte> state);
}
