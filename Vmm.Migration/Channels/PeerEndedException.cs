namespace Vmm.Migration.Channels;

/// <summary>The peer ended the connection.</summary>
/// <param name="message">Which peer, and on what channel.</param>
/// <param name="cause">The error that showed it; null when the channel simply ended.</param>
internal sealed class PeerEndedException(string message, Exception? cause = null) : HandoverException(message, cause);
