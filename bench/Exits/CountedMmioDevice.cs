using Vmm.Core.Buses;

namespace Vmm.Bench.Exits;

/// <summary>A device among others on a memory bus, as a virtio device is; its writes are counted as those of a port.</summary>
/// <param name="first">Its first address.</param>
/// <param name="written">Called at each write.</param>
internal sealed class CountedMmioDevice(ulong first, Action written) : IMmioDevice
{
    private const ulong Length = 0x200;

    public MmioRange Range { get; } = new(first, Length);

    /// <summary>As many devices as a machine has places for; the guest writes to the one in the middle.</summary>
    internal static MmioBus BusOf(Action written)
    {
        const int Places = 24;
        var bus = new MmioBus();
        ulong lowest = (BenchMachine.MmioAddress & ~(Length - 1)) - (Places / 2 * Length);
        for (ulong place = 0; place < Places; place++)
        {
            bus.Attach(new CountedMmioDevice(lowest + (place * Length), written));
        }

        return bus;
    }

    public void Read(ulong offset, Span<byte> data) => data.Clear();

    public void Write(ulong offset, ReadOnlySpan<byte> data) => written();
}
