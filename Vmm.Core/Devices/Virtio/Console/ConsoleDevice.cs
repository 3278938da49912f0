// The console device: ports, each with two queues, and two queues by which driver and device speak of the ports.
//
//     driver: DEVICE_READY             -->  device: PORT_ADD, for each port
//     driver: PORT_READY (port)        -->  device: CONSOLE_PORT if it is one, PORT_NAME if it has one, PORT_OPEN if the host's end is open
//     driver: PORT_OPEN (port, 0 or 1)      the guest's end; device: PORT_OPEN (port, 0 or 1), the host's
//
// A driver that does not accept MULTIPORT has port 0 only, which then is always open, and no control queues. Ports are devices of their own (Port),
// which attach themselves before the machine runs; the queues of a port that is not there are not served. A turn serves a bounded number of
// chains and moves a bounded number of bytes. Between turns no chain is in flight: one that is not done is put back, and what is done of it is
// in the port's record. Source: virtio 1.2, section 5.3.

using System.Buffers.Binary;
using Vmm.Core.Devices.Model;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Console.ConsoleRegisters;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>A virtio console device.</summary>
public sealed class ConsoleDevice : VirtioDevice
{
    internal const int MostChainsInOneTurn = 8;

    private const int MostBytesInOneTurn = 64 << 10;

    private readonly ConsoleState _state;
    private readonly int _mostPorts;
    private readonly bool _allowsEmergencyWrite;
    private readonly bool _offersSize;
    private readonly DescriptorChain _chain = new(ConsoleQueues.PortSize);
    private readonly QueueServer?[] _servers;
    private readonly ControlInput _controlInput;
    private readonly ControlOutput _controlOutput;
    private Port[] _ports = [];

    /// <summary>Creates a console without ports.</summary>
    /// <param name="context">What it is given by its machine.</param>
    /// <param name="mostPorts">The most ports that it can have, 1 to 31.</param>
    /// <param name="emergencyWrite">Whether it offers to write a character without a queue.</param>
    /// <param name="size">Whether it offers to say how large the terminals of its consoles are.</param>
    public ConsoleDevice(IDeviceContext context, int mostPorts, bool emergencyWrite, bool size = false)
        : this(context, mostPorts, emergencyWrite, size, new ConsoleState(mostPorts))
    {
    }

    private ConsoleDevice(IDeviceContext context, int mostPorts, bool emergencyWrite, bool size, ConsoleState state)
        : base(context, state.Virtio, ConsoleQueues.SizesFor(mostPorts))
    {
        (_state, _mostPorts, _allowsEmergencyWrite, _offersSize) = (state, mostPorts, emergencyWrite, size);
        _servers = new QueueServer?[ConsoleQueues.CountFor(mostPorts)];
        _servers[ConsoleQueues.ControlInput] = _controlInput = new ControlInput(Memory);
        _servers[ConsoleQueues.ControlOutput] = _controlOutput = new ControlOutput(Memory);
    }

    /// <inheritdoc/>
    public override uint DeviceId => 3;

    /// <inheritdoc/>
    public override string SectionName => "virtio-console";

    /// <inheritdoc/>
    public override StateLayout Layout => ConsoleState.Layout;

    /// <inheritdoc/>
    public override ulong Features =>
        base.Features | (_mostPorts > 1 ? MultiPort : 0) | (_allowsEmergencyWrite ? EmergencyWrite : 0) | (_offersSize ? ConsoleRegisters.Size : 0);

    /// <summary>Whether the driver wants to know how large terminals are.</summary>
    internal bool SaysSize => (Registers.DriverFeatures & ConsoleRegisters.Size) != 0;

    private bool IsMultiPort => (Registers.DriverFeatures & MultiPort) != 0;

    /// <inheritdoc/>
    public override void ReadConfiguration(uint offset, Span<byte> data)
    {
        Span<byte> space = stackalloc byte[ConfigurationLength];
        space.Clear();
        if (_offersSize && Array.Find(_ports, static port => port is { IsConsole: true, Number: 0 }) is { Size: var size })
        {
            BinaryPrimitives.WriteUInt16LittleEndian(space[ColumnsOffset..], size.Columns);
            BinaryPrimitives.WriteUInt16LittleEndian(space[RowsOffset..], size.Rows);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(space[MostPortsOffset..], (uint)_mostPorts);
        data.Clear();
        if (offset < ConfigurationLength)
        {
            var found = space[(int)offset..];
            found[..Math.Min(found.Length, data.Length)].CopyTo(data);
        }
    }

    /// <summary>A character for the first console that has a back end, which a driver may write before it has set anything up.</summary>
    public override void WriteConfiguration(uint offset, ReadOnlySpan<byte> data)
    {
        if (_allowsEmergencyWrite && offset <= EmergencyWriteOffset && offset + (uint)data.Length > EmergencyWriteOffset)
        {
            Array.Find(_ports, static port => port is { IsConsole: true, HasBackEnd: true })?.WriteNow(data[EmergencyWriteOffset - (int)offset]);
        }
    }

    /// <inheritdoc/>
    public override void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        foreach (var port in _ports)
        {
            port.BeforeSave();
        }

        writer.Write(ConsoleState.Layout, _state);
    }

    /// <inheritdoc/>
    internal override SavedForm CreateSavedForm(IStateful transport, string section, int instance) => new ConsoleForm(
        this, transport, section, instance, _mostPorts, _allowsEmergencyWrite, [.. _ports.Select(static port => port.Number)]);

    /// <summary>Adds a port; before the device is used.</summary>
    /// <exception cref="ArgumentException">There is one with that number, or the number is too high.</exception>
    internal void Attach(Port port)
    {
        if (port.Number >= (uint)_mostPorts || Array.Exists(_ports, other => other.Number == port.Number))
        {
            throw new ArgumentException($"a console with at most {_mostPorts} ports has no place for port {port.Number}", nameof(port));
        }

        _ports = [.. _ports.Append(port).OrderBy(other => other.Number)];
        _state.PortCount = (byte)_ports.Length;
        _state.Ports = [.. _ports.Select(other => other.Record)];
        _controlInput.Ports = _controlOutput.Ports = _ports;
        _servers[ConsoleQueues.InputOf(port.Number)] = new PortInput(Memory, port);
        _servers[ConsoleQueues.OutputOf(port.Number)] = new PortOutput(Memory, port);
    }

    /// <summary>Has a queue served. Any thread, with any lock held.</summary>
    internal void Wake(int queue) => Kick((uint)queue);

    /// <summary>The terminal of a console has another size: with several ports a message says it, otherwise configuration space. Gate of the port held.</summary>
    internal void SizeChanged(Port port)
    {
        if (SaysSize && IsMultiPort)
        {
            port.AnnounceSize();
        }
        else if (SaysSize && port.Number == 0)
        {
            ConfigurationChanged();
        }
    }

    /// <summary>Whether the guest's end of a port is open: a driver without MULTIPORT cannot say so.</summary>
    internal bool CanReceive(Port port) => IsMultiPort ? port.Record.GuestOpen : port.Number == 0;

    /// <inheritdoc/>
    protected override void LoadRecord(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        try
        {
            reader.Read(ConsoleState.Layout, _state);
            if (_state.PortCount != _ports.Length)
            {
                throw new StateException($"virtio-console port_count: {_ports.Length} expected, {_state.PortCount} found");
            }
        }
        finally
        {
            _state.PortCount = (byte)_ports.Length;
        }

        foreach (var port in _ports)
        {
            port.Record.Check(port.Number, (byte)(PortMessages.Always | (_offersSize ? PortMessages.Size : 0)));
        }
    }

    /// <inheritdoc/>
    protected override void Process(VirtQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        if (_servers[queue.Index] is not { } server || (ConsoleQueues.IsMultiPort(queue.Index) && !IsMultiPort))
        {
            return;
        }

        queue.SuppressKicks();
        bool again = ServeSome(queue, server);
        Publish(queue);
        if (again)
        {
            ProcessAgain(queue);
        }
    }

    /// <inheritdoc/>
    protected override void QueuesStopped()
    {
        foreach (var port in _ports)
        {
            port.Stop();
        }
    }

    /// <inheritdoc/>
    protected override void ForgetDriver()
    {
        foreach (var port in _ports)
        {
            port.ForgetDriver();
        }
    }

    /// <inheritdoc/>
    protected override void QueueTakenBack(VirtQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _servers[queue.Index]?.IsTakenBack();
    }

    /// <summary>Serves as many chains as one turn may.</summary>
    /// <returns>Whether there may be more to do at once.</returns>
    private bool ServeSome(VirtQueue queue, QueueServer server)
    {
        int budget = MostBytesInOneTurn;
        for (int turn = 0; turn < MostChainsInOneTurn; turn++)
        {
            if (!server.HasWork)
            {
                return false;
            }

            var taken = queue.Take(_chain);
            if (taken == ChainOutcome.None)
            {
                server.IsEmpty();
                return queue.RequestKicks();
            }

            int written = 0;
            switch (taken == ChainOutcome.Taken ? server.Serve(_chain, ref budget, out written) : ServeOutcome.NotRam)
            {
                case ServeOutcome.Done:
                    queue.Push(_chain.Head, (uint)written);
                    break;
                case ServeOutcome.Waits:
                    queue.PutBack();
                    return false;
                case ServeOutcome.Unfinished:
                    queue.PutBack();
                    return true;
                default:
                    RequireReset();
                    return false;
            }
        }

        return true;
    }
}
