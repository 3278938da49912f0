using Vmm.Core.Descriptors;
using Vmm.Core.Loop;

namespace Vmm.Core.Chardevs;

/// <summary>Discards output and has no input.</summary>
/// <param name="label">Its id.</param>
/// <param name="loop">The I/O loop; unused, as nothing happens.</param>
public sealed class NullChardev(string label, EventLoop loop) : Chardev(label, loop)
{
    /// <inheritdoc/>
    public override string FileName => "null";

    /// <inheritdoc/>
    public override void Open()
    {
    }

    /// <inheritdoc/>
    public override bool Adopt(HandedOverDescriptors handedOver) => true;

    /// <inheritdoc/>
    public override IReadOnlyList<HandoverDescriptor> Export() => [];

    /// <inheritdoc/>
    public override void Quiesce() => IsRunning = false;

    /// <inheritdoc/>
    public override void Resume() => IsRunning = true;

    /// <inheritdoc/>
    public override void Release() => IsRunning = false;

    /// <inheritdoc/>
    public override int Write(ReadOnlySpan<byte> bytes) => bytes.Length;

    /// <inheritdoc/>
    public override void InputReady()
    {
    }

    private protected override void Close()
    {
    }
}
