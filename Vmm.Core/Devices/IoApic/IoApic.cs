// A second I/O APIC, for more interrupts than the hypervisor's own has inputs: 24 to 47.
//
// It has registers and no wires. What an entry says becomes the route of its interrupt: the message that the hypervisor sends to the local
// APICs when the interrupt's line rises, without this process's help. So every input is edge-triggered, whatever the entry says of that, and
// the ACPI tables say so too: a device keeps its line high as long as it wants to be served (a virtio device's InterruptStatus), and a line
// that is high when its entry is unmasked, or when the guest arrives in another process, is raised anew (IInterruptRouter).

using System.Buffers.Binary;
using Vmm.Core.Acpi;
using Vmm.Core.Buses;
using Vmm.Core.Devices.Model;
using Vmm.Core.State;
using static Vmm.Core.Devices.IoApic.IoApicRegisters;

namespace Vmm.Core.Devices.IoApic;

/// <summary>An I/O APIC in user space.</summary>
internal sealed class IoApic(IInterruptRouter router) : Device, IMmioDevice, IStateful, IIoApic
{
    private const int RegisterSize = 4;

    private readonly Lock _lock = new();
    private readonly IoApicState _state = AtPowerOn();

    /// <inheritdoc/>
    public MmioRange Range => new(Address, Length);

    /// <inheritdoc/>
    public StateLayout Layout => IoApicState.Layout;

    /// <inheritdoc/>
    public SavedForm CreateSavedForm(string section, int instance) => new IoApicSavedForm(this, section, instance);

    /// <summary>In a stream of QEMU's the first is instance 0, which here is the hypervisor's and has a section of its own.</summary>
    public override int Instance => 1;

    /// <inheritdoc/>
    IoApicDescription IIoApic.Description => new(Id, (uint)Address, FirstInterrupt);

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        Span<byte> register = stackalloc byte[sizeof(ulong)];
        register.Clear();
        lock (_lock)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(register, offset switch
            {
                Select => _state.Select,
                Window => ReadSelected(),
                _ => 0,
            });
        }

        register[..data.Length].CopyTo(data);
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        if (data.Length != RegisterSize)
        {
            return;
        }

        uint value = BinaryPrimitives.ReadUInt32LittleEndian(data);
        lock (_lock)
        {
            switch (offset)
            {
                case Select:
                    _state.Select = (byte)value;
                    break;
                case Window:
                    WriteSelected(value);
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        lock (_lock)
        {
            SetToPowerOn(_state);
            RouteAll();
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer) => writer.Write(IoApicState.Layout, _state);

    /// <inheritdoc/>
    public void Load(StateReader reader) => reader.Read(IoApicState.Layout, _state);

    /// <summary>Routes nothing yet: that is the hypervisor's work, and the guest is paused. Until <see cref="Resume"/> no device raises an interrupt.</summary>
    public void Apply()
    {
        lock (_lock)
        {
            _state.Requested = 0;
        }
    }

    /// <summary>Routes every interrupt as its entry says; a line that has risen since the guest was paused is raised by that.</summary>
    public override void Resume()
    {
        lock (_lock)
        {
            RouteAll();
        }
    }

    /// <summary>Also before a reset: no input leads anywhere.</summary>
    private static IoApicState AtPowerOn()
    {
        var state = new IoApicState();
        SetToPowerOn(state);
        return state;
    }

    private static void SetToPowerOn(IoApicState state)
    {
        state.Id = Id;
        state.Select = 0;
        state.Entries.AsSpan().Fill(Masked);
    }

    private static InterruptRoute RouteOf(int input, ulong entry)
    {
        const ulong LocalApics = 0xfee00000;
        const ulong VectorAndDelivery = 0x7ff;
        const int DestinationShift = 56;
        const int DestinationModeShift = 11;
        ulong destination = entry >> DestinationShift;
        ulong destinationMode = (entry >> DestinationModeShift) & 1;
        return new InterruptRoute(FirstInterrupt + input, (entry & Masked) != 0
            ? null
            : new InterruptMessage(LocalApics | (destination << 12) | (destinationMode << 2), (uint)(entry & VectorAndDelivery)));
    }

    private uint ReadSelected() => _state.Select switch
    {
        IdIndex or ArbitrationIndex => (uint)_state.Id << 24,
        VersionIndex => ((Inputs - 1) << 16) | ChipVersion,
        var index when EntryOf(index) is { } input => (uint)(_state.Entries[input] >> (index % 2 * 32)),
        _ => 0,
    };

    private void WriteSelected(uint value)
    {
        if (_state.Select == IdIndex)
        {
            _state.Id = (byte)((value >> 24) & 0xf);
        }
        else if (EntryOf(_state.Select) is { } input)
        {
            int shift = _state.Select % 2 * 32;
            ref ulong entry = ref _state.Entries[input];
            entry = ((entry & ~((ulong)uint.MaxValue << shift)) | ((ulong)value << shift)) & ~ReadOnly;
            router.Route([RouteOf(input, entry)]);
        }
    }

    private static int? EntryOf(byte index) =>
        index >= FirstEntryIndex && (index - FirstEntryIndex) / 2 < Inputs ? (index - FirstEntryIndex) / 2 : null;

    private void RouteAll()
    {
        Span<InterruptRoute> routes = stackalloc InterruptRoute[Inputs];
        for (int input = 0; input < Inputs; input++)
        {
            routes[input] = RouteOf(input, _state.Entries[input]);
        }

        router.Route(routes);
    }
}
