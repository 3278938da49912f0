// A port's queue to the driver.
//
// The back end is only asked for as many bytes as the driver's next buffer has room for. So a chain is looked at and put back until bytes
// for it have come, and then taken again and filled with them. A driver that has changed it meanwhile gets them in what it has made of it.

using Vmm.Core.Buses;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>Serves a port's queue to the driver.</summary>
/// <param name="memory">Guest RAM.</param>
/// <param name="port">The port.</param>
internal sealed class PortInput(IGuestMemory memory, Port port) : QueueServer(memory)
{
    private readonly byte[] _buffer = new byte[PortState.InputCapacity];

    internal override ServeOutcome Serve(DescriptorChain chain, ref int budget, out int written)
    {
        uint room = 0;
        foreach (var segment in chain.Writable)
        {
            room += segment.Length;
        }

        int count = port.TakeInput(_buffer.AsSpan(0, (int)Math.Min(room, PortState.InputCapacity)));
        if (count > 0 || room == 0)
        {
            return Fill(chain, _buffer.AsSpan(0, count), out written);
        }

        written = 0;
        port.Offer(room);
        return ServeOutcome.Waits;
    }

    internal override void IsEmpty() => port.Offer(0);

    internal override void IsTakenBack() => port.Offer(0);
}
