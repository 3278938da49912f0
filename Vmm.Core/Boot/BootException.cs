using Vmm.Core.Errors;

namespace Vmm.Core.Boot;

/// <summary>The guest cannot be booted: a file is not what it must be, or the machine has no room for it.</summary>
public sealed class BootException : VmmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">Which file, what was found, what was expected.</param>
    /// <param name="cause">The error underneath, if any.</param>
    public BootException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
