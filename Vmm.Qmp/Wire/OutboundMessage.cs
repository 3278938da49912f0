namespace Vmm.Qmp.Wire;

/// <summary>A place in an <see cref="OutboundQueue"/>, taken before the text is ready.</summary>
internal sealed class OutboundMessage
{
    /// <summary>The bytes, or null while they are being written.</summary>
    internal ReadOnlyMemory<byte>? Bytes { get; set; }
}
