using Vmm.Core.Errors;

namespace Vmm.Core.Backends.Net;

/// <summary>A network back end cannot be had, or cannot be used as it is asked for; the message says why.</summary>
public sealed class NetException : VmmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What is wrong, and what was expected.</param>
    /// <param name="cause">What the host refused.</param>
    public NetException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
