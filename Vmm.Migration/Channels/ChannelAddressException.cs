namespace Vmm.Migration.Channels;

/// <summary>A text that names no channel address; the message is the one that QMP clients see.</summary>
public sealed class ChannelAddressException : FormatException
{
    /// <summary>With no message of its own.</summary>
    public ChannelAddressException()
    {
    }

    /// <summary>With what was wrong.</summary>
    /// <param name="message">What was wrong, as a QMP error description.</param>
    public ChannelAddressException(string message)
        : base(message)
    {
    }

    /// <summary>With what was wrong and why.</summary>
    /// <param name="message">What was wrong, as a QMP error description.</param>
    /// <param name="innerException">The cause.</param>
    public ChannelAddressException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
