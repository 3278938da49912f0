using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>What was typed for a front end and not taken by it yet.</summary>
internal sealed class MuxPortState
{
    internal const int Capacity = 256;

    internal static readonly StateLayout<MuxPortState> Layout = new("chardev-mux-port", version: 1)
    {
        { "count", s => ref s.Count },
        { "bytes", s => s.Bytes, Capacity },
    };

    /// <summary>The bytes, oldest first; those after <see cref="Count"/> mean nothing.</summary>
    internal readonly byte[] Bytes = new byte[Capacity];

    internal int Count;

    internal void Remove(int count)
    {
        Bytes.AsSpan(count, Count - count).CopyTo(Bytes);
        Count -= count;
    }
}
