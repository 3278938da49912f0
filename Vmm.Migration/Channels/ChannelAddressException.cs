using Vmm.Core.Errors;

namespace Vmm.Migration.Channels;

/// <summary>A text that names no channel address; the message is the one that QMP clients see.</summary>
public sealed class ChannelAddressException : VmmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What was wrong, as a QMP error description.</param>
    /// <param name="cause">The error underneath, if any.</param>
    public ChannelAddressException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
