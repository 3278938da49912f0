namespace Vmm.Migration.Channels;

/// <summary>The peer ended the connection.</summary>
/// <param name="message">Which peer, and on what channel.</param>
internal sealed class PeerGoneException(string message) : HandoverException(message);
