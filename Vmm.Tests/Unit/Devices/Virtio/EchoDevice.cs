using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Devices.Virtio;

/// <summary>A virtio device with two queues and a configuration space: what a driver sends is what it receives.</summary>
internal sealed class EchoDevice : VirtioDevice
{
    internal const uint Id = 0x7e57;
    internal const ushort QueueSize = 16;
    internal const int ConfigurationLength = 12;

    private const int MostInOneTurn = 8;

    private readonly EchoState _state;
    private readonly DescriptorChain _chain = new(QueueSize);
    private readonly byte[] _bytes = new byte[256];

    internal EchoDevice(IDeviceContext context)
        : this(context, new EchoState())
    {
    }

    private EchoDevice(IDeviceContext context, EchoState state)
        : base(context, state.Virtio, QueueSize, QueueSize) => _state = state;

    public override uint DeviceId => Id;

    public override string SectionName => "virtio-echo";

    public override StateLayout Layout => EchoState.Layout;

    internal uint Served => _state.Served;

    public override void Save(StateWriter writer) => writer.Write(EchoState.Layout, _state);

    public override void ReadConfiguration(uint offset, Span<byte> data)
    {
        for (int i = 0; i < data.Length; i++)
        {
            data[i] = offset + (uint)i < ConfigurationLength ? _state.Configuration[(int)offset + i] : (byte)0;
        }
    }

    public override void WriteConfiguration(uint offset, ReadOnlySpan<byte> data)
    {
        for (int i = 0; i < data.Length && offset + (uint)i < ConfigurationLength; i++)
        {
            _state.Configuration[(int)offset + i] = data[i];
        }
    }

    protected override void LoadRecord(StateReader reader) => reader.Read(EchoState.Layout, _state);

    protected override void Process(VirtQueue queue)
    {
        queue.SuppressKicks();
        for (int turn = 0; turn < MostInOneTurn; turn++)
        {
            var taken = queue.Take(_chain);
            if (taken == ChainOutcome.None)
            {
                Publish(queue);
                if (queue.RequestKicks())
                {
                    ProcessAgain(queue);
                }

                return;
            }

            if (taken == ChainOutcome.Broken || !TryEcho(out uint written))
            {
                Publish(queue);
                RequireReset();
                return;
            }

            _state.Served++;
            queue.Push(_chain.Head, written);
        }

        Publish(queue);
        ProcessAgain(queue);
    }

    private bool TryEcho(out uint written)
    {
        written = 0;
        int count = 0;
        foreach (var segment in _chain.Readable)
        {
            int length = (int)Math.Min(segment.Length, (uint)(_bytes.Length - count));
            if (!Memory.TryRead(segment.Address, _bytes.AsSpan(count, length)))
            {
                return false;
            }

            count += length;
        }

        foreach (var segment in _chain.Writable)
        {
            int length = (int)Math.Min(segment.Length, (uint)count - written);
            if (!Memory.TryWrite(segment.Address, _bytes.AsSpan((int)written, length)))
            {
                return false;
            }

            written += (uint)length;
        }

        return true;
    }
}
