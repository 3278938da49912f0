// A port's queue from the driver.
//
// A chain that the back end does not take whole stays the driver's, and what was taken of it is counted in the port's record. When
// the back end has room the chain is taken again and continued behind that, in this process or in the next. The driver may have
// changed it meanwhile, to its own harm.

using Vmm.Core.Buses;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>Serves a port's queue from the driver.</summary>
/// <param name="memory">Guest RAM.</param>
/// <param name="port">The port.</param>
internal sealed class PortOutput(IGuestMemory memory, Port port) : QueueServer(memory)
{
    private const int MostAtOnce = 4096;

    private readonly byte[] _buffer = new byte[MostAtOnce];

    internal override ServeOutcome Serve(DescriptorChain chain, ref int budget, out int written)
    {
        written = 0;
        ref uint consumed = ref port.Record.OutputConsumed;
        uint passed = 0;
        foreach (var segment in chain.Readable)
        {
            uint at = Math.Min(segment.Length, consumed - passed);
            passed += at;
            while (port.HasBackEnd && at < segment.Length)
            {
                int length = (int)Math.Min(segment.Length - at, (uint)Math.Min(MostAtOnce, budget));
                if (length == 0)
                {
                    return ServeOutcome.Unfinished;
                }

                if (!Memory.TryRead(segment.Address + at, _buffer.AsSpan(0, length)))
                {
                    return ServeOutcome.NotRam;
                }

                int taken = port.Write(_buffer.AsSpan(0, length));
                at += (uint)taken;
                passed += (uint)taken;
                consumed += (uint)taken;
                budget -= taken;
                if (taken < length)
                {
                    return ServeOutcome.Waits;
                }
            }
        }

        consumed = 0;
        return ServeOutcome.Done;
    }

    internal override void IsTakenBack() => port.Record.OutputConsumed = 0;
}
