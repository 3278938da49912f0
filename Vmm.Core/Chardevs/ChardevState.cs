using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>Output that was accepted from the guest and has not reached the descriptor yet.</summary>
internal sealed class ChardevState
{
    internal const int Capacity = 4096;

    internal static readonly StateLayout<ChardevState> Layout = new("chardev", version: 1)
    {
        { "queued", s => ref s.Queued },
        {
            new StateLayout<ChardevState>("chardev/output", version: 1) { { "bytes", s => s.Bytes, Capacity } },
            s => s.Queued > 0
        },
    };

    /// <summary>The bytes, oldest first; those after <see cref="Queued"/> mean nothing.</summary>
    internal readonly byte[] Bytes = new byte[Capacity];

    /// <summary>How many bytes wait.</summary>
    internal int Queued;
}
