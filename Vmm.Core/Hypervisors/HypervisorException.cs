using Vmm.Core.Errors;

namespace Vmm.Core.Hypervisors;

/// <summary>The hypervisor refused something.</summary>
public sealed class HypervisorException : VmmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What was requested, what the host answered, and what to do about it.</param>
    /// <param name="cause">The error underneath, if any.</param>
    public HypervisorException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
