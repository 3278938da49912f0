using Vmm.Core.Chardevs;
using Vmm.Core.Descriptors;

namespace Vmm.Tests.Unit.Devices.Virtio.Console;

/// <summary>A back end that takes everything and has as much input as there is room for; it allocates nothing.</summary>
internal sealed class CountingChardev() : Chardev("counting", null!)
{
    public override string FileName => "counting";

    public override bool HasPeer => true;

    internal int Written { get; private set; }

    public override void Open()
    {
    }

    public override bool Adopt(HandedOverDescriptors handedOver) => true;

    public override IReadOnlyList<HandoverDescriptor> Export() => [];

    public override void Quiesce() => IsRunning = false;

    public override void Resume() => IsRunning = true;

    public override void Release() => IsRunning = false;

    public override int Write(ReadOnlySpan<byte> bytes)
    {
        Written += bytes.Length;
        return bytes.Length;
    }

    public override void InputReady()
    {
        lock (Gate)
        {
            if (FrontEnd is { Room: > 0 } frontEnd)
            {
                Span<byte> bytes = stackalloc byte[Math.Min(frontEnd.Room, 64)];
                frontEnd.Receive(bytes);
            }
        }
    }

    private protected override void Close() => IsRunning = false;
}
