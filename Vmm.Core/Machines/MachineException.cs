using Vmm.Core.Errors;

namespace Vmm.Core.Machines;

/// <summary>The machine cannot do what was requested. The message is what a management client reads.</summary>
public sealed class MachineException : VmmException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What was requested and why it cannot be done.</param>
    /// <param name="cause">The error underneath, if any.</param>
    public MachineException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
