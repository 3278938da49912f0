using Vmm.Core.Errors;

namespace Vmm.Core.State;

/// <summary>A device state that cannot be read: truncated, of an unknown version, or with a value the device cannot hold.</summary>
public sealed class StateException : VmmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What was expected and what was found.</param>
    /// <param name="cause">The error underneath, if any.</param>
    public StateException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
