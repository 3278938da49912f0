using Vmm.Core.Errors;

namespace Vmm.Core.Backends.Block;

/// <summary>A block node or drive cannot be had, or cannot be used as it is asked for; the message says why.</summary>
public sealed class BlockException : VmmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What is wrong, and what was expected.</param>
    /// <param name="cause">What the host refused.</param>
    public BlockException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
