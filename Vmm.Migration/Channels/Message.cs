using Vmm.Core.State;

namespace Vmm.Migration.Channels;

/// <summary>One message of the cpr channel.</summary>
/// <param name="Type">What it says.</param>
/// <param name="Body">Its bytes, as <see cref="StateReader"/> reads them.</param>
internal readonly record struct Message(MessageType Type, ReadOnlyMemory<byte> Body)
{
    /// <summary>A reader at the start of the body.</summary>
    internal StateReader Reader() => new(Body);
}
