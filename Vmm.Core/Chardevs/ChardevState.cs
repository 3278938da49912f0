using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>Output that was accepted from the guest and has not reached the descriptor yet.</summary>
public sealed class ChardevState
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

    private readonly byte[] _bytes = new byte[Capacity];
    private int _queued;

    /// <summary>How many bytes wait.</summary>
    public ref int Queued => ref _queued;

    /// <summary>The bytes, oldest first; those after <see cref="Queued"/> mean nothing.</summary>
    public Span<byte> Bytes => _bytes;
}
