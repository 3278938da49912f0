using Vmm.Core.Buses;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>Serves the queue of control messages to the driver: those that are due, port by port. One that has no room in its buffer is cut off.</summary>
/// <param name="memory">Guest RAM.</param>
internal sealed class ControlInput(IGuestMemory memory) : QueueServer(memory)
{
    private byte[] _buffer = new byte[ControlMessage.Length];

    internal override bool HasWork => NextPort is not null;

    /// <summary>All ports, by number; set before the device is used.</summary>
    internal Port[] Ports
    {
        get;
        set
        {
            field = value;
            _buffer = new byte[value.Max(port => port.LongestMessage)];
        }
    }
    = [];

    private Port? NextPort
    {
        get
        {
            foreach (var port in Ports)
            {
                if (port.HasMessage)
                {
                    return port;
                }
            }

            return null;
        }
    }

    internal override ServeOutcome Serve(DescriptorChain chain, ref int budget, out int written)
    {
        int length = NextPort?.TakeMessage(_buffer) ?? 0;
        return Fill(chain, _buffer.AsSpan(0, length), out written);
    }
}
