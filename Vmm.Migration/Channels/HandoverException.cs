using Vmm.Core.Errors;

namespace Vmm.Migration.Channels;

/// <summary>A live update cannot continue. The message is what the operator reads in error-desc; whatever a peer's part in it, it is one line and not too long.</summary>
public class HandoverException : VmmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What was expected, what happened, and which peer it was.</param>
    /// <param name="cause">The error underneath, if any.</param>
    public HandoverException(string message, Exception? cause = null)
        : base(PeerText.Of(message, ProtocolLimits.LongestError), cause)
    {
    }
}
