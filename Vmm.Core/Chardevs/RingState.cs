using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>How far a ring was written and read; its bytes are in the file that crosses beside.</summary>
/// <param name="output">Output that was accepted and is not in the ring yet.</param>
internal sealed class RingState(ChardevState output)
{
    internal static readonly StateLayout<RingState> Layout = new("ringbuf", version: 1)
    {
        { "written", s => ref s.Written },
        { "read", s => ref s.Read },
        { "output", s => s.Output, ChardevState.Layout },
    };

    internal readonly ChardevState Output = output;

    /// <summary>Bytes put in since the ring was made.</summary>
    internal ulong Written;

    /// <summary>Bytes taken out or overwritten since.</summary>
    internal ulong Read;

    /// <summary>Bytes in the ring.</summary>
    internal ulong Count => Written - Read;
}
