using Vmm.Core.Errors;

namespace Vmm.Core.Memory;

/// <summary>A memory backend could not be made, or one that another process handed over is not what it promised.</summary>
public sealed class MemoryBackendException : VmmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">Which backend, what was found, what was expected.</param>
    /// <param name="cause">The error underneath, if any.</param>
    public MemoryBackendException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
