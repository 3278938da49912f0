using Vmm.Core.Buses;
using static Vmm.Core.Devices.Virtio.Console.ConsoleRegisters;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>Serves the queue of control messages from the driver. One about a port that is not there, or that says nothing known, is ignored.</summary>
/// <param name="memory">Guest RAM.</param>
internal sealed class ControlOutput(IGuestMemory memory) : QueueServer(memory)
{
    private readonly byte[] _buffer = new byte[ControlMessage.Length];

    /// <summary>All ports, by number; set before the device is used.</summary>
    internal Port[] Ports { get; set; } = [];

    internal override ServeOutcome Serve(DescriptorChain chain, ref int budget, out int written)
    {
        written = 0;
        int count = 0;
        foreach (var segment in chain.Readable)
        {
            int length = (int)Math.Min(segment.Length, (uint)(_buffer.Length - count));
            if (!Memory.TryRead(segment.Address, _buffer.AsSpan(count, length)))
            {
                return ServeOutcome.NotRam;
            }

            count += length;
        }

        if (count == _buffer.Length)
        {
            Receive(ControlMessage.Read(_buffer));
        }

        return ServeOutcome.Done;
    }

    private void Receive(ControlMessage message)
    {
        foreach (var port in Ports)
        {
            if (message is { Event: DeviceReady, Value: not 0 })
            {
                port.DriverIsReady();
            }
            else if (port.Number == message.Port)
            {
                if (message is { Event: PortReady, Value: not 0 })
                {
                    port.DriverHasSetUp();
                }
                else if (message.Event == PortOpen)
                {
                    port.GuestIs(open: message.Value != 0);
                }
            }
        }
    }
}
