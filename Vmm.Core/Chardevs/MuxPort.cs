using Vmm.Core.Descriptors;
using Vmm.Core.Loop;

namespace Vmm.Core.Chardevs;

/// <summary>
/// One front end's place at a mux: a chardev to it, whose opening, closing and crossing are the mux's. What was typed for a front end that has no room
/// waits here. Guarded by the mux's gate.
/// </summary>
internal sealed class MuxPort : Chardev
{
    private readonly MuxSwitch _switch;

    internal MuxPort(MuxSwitch owner, string label, EventLoop loop, Lock gate)
        : base(label, loop, gate) => _switch = owner;

    /// <inheritdoc/>
    public override string FileName => "mux";

    /// <inheritdoc/>
    public override ConsoleSize Size => _switch.Size;

    internal IChardevFrontEnd? Front => FrontEnd;

    /// <summary>Whether the front end has bytes that there was no room for.</summary>
    internal bool Waits { get; set; }

    internal MuxPortState Typed { get; } = new();

    /// <summary>How many bytes can be typed before the front end takes any.</summary>
    internal int Free => MuxPortState.Capacity - Typed.Count;

    /// <inheritdoc/>
    public override void InputReady() => _switch.InputReady(this);

    /// <summary>Takes a byte that was typed; one for which there is no room is lost.</summary>
    internal void Type(byte value)
    {
        if (Free > 0)
        {
            Typed.Bytes[Typed.Count++] = value;
        }
    }

    /// <summary>Gives the front end what it has room for.</summary>
    internal void Deliver()
    {
        // Copied, because what a front end takes may make it ask for more.
        Span<byte> bytes = stackalloc byte[MuxPortState.Capacity];
        while (Typed.Count > 0 && FrontEnd is { Room: > 0 and var room } frontEnd)
        {
            int given = Math.Min(Typed.Count, room);
            Typed.Bytes.AsSpan(0, given).CopyTo(bytes);
            Typed.Remove(given);
            frontEnd.Receive(bytes[..given]);
        }
    }

    private protected override void OpenEnd()
    {
    }

    private protected override bool AdoptEnd(HandedOverDescriptors handedOver) => true;

    private protected override IReadOnlyList<HandoverDescriptor> ExportEnd() => [];

    private protected override void QuiesceEnd()
    {
    }

    private protected override void ResumeEnd()
    {
    }

    private protected override void ReleaseEnd()
    {
    }

    private protected override void CloseEnd()
    {
    }

    private protected override int Accept(ReadOnlySpan<byte> bytes) => _switch.Write(this, bytes);
}
