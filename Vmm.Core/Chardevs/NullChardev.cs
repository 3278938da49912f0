using Vmm.Core.Descriptors;
using Vmm.Core.Loop;

namespace Vmm.Core.Chardevs;

/// <summary>Discards output and has no input.</summary>
/// <param name="label">Its id.</param>
/// <param name="loop">The I/O loop; unused, as nothing happens.</param>
/// <param name="gate">The lock of the back end whose place it will take; null makes one.</param>
public sealed class NullChardev(string label, EventLoop loop, Lock? gate = null) : Chardev(label, loop, gate)
{
    /// <inheritdoc/>
    public override string FileName => "null";

    /// <summary>Nothing ever is.</summary>
    public override bool HasPeer => false;

    /// <inheritdoc/>
    private protected override void OpenEnd()
    {
    }

    /// <inheritdoc/>
    private protected override bool AdoptEnd(HandedOverDescriptors handedOver) => true;

    /// <inheritdoc/>
    private protected override IReadOnlyList<HandoverDescriptor> ExportEnd() => [];

    /// <inheritdoc/>
    private protected override void QuiesceEnd() => IsRunning = false;

    /// <inheritdoc/>
    private protected override void ResumeEnd() => IsRunning = true;

    /// <inheritdoc/>
    private protected override void ReleaseEnd() => IsRunning = false;

    /// <inheritdoc/>
    private protected override int Accept(ReadOnlySpan<byte> bytes) => bytes.Length;

    /// <inheritdoc/>
    public override void InputReady()
    {
    }

    private protected override void CloseEnd()
    {
    }
}
