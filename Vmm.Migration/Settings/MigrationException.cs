using Vmm.Core.Errors;

namespace Vmm.Migration.Settings;

/// <summary>A migration command is refused. The message is what the client reads.</summary>
public sealed class MigrationException : VmmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What was asked and why it cannot be; QEMU's text where clients know one.</param>
    /// <param name="cause">The error underneath, if any.</param>
    public MigrationException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
