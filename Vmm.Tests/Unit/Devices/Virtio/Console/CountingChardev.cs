using Vmm.Core.Chardevs;
using Vmm.Core.Descriptors;

namespace Vmm.Tests.Unit.Devices.Virtio.Console;

/// <summary>A back end that takes everything and has as much input as there is room for; it allocates nothing.</summary>
internal sealed class CountingChardev() : Chardev("counting", null!)
{
    public override string FileName => "counting";

    public override bool HasPeer => true;

    internal int Written { get; private set; }

    private protected override void OpenEnd()
    {
    }

    private protected override bool AdoptEnd(HandedOverDescriptors handedOver) => true;

    private protected override IReadOnlyList<HandoverDescriptor> ExportEnd() => [];

    private protected override void QuiesceEnd() => IsRunning = false;

    private protected override void ResumeEnd() => IsRunning = true;

    private protected override void ReleaseEnd() => IsRunning = false;

    private protected override int Accept(ReadOnlySpan<byte> bytes)
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

    private protected override void CloseEnd() => IsRunning = false;
}
