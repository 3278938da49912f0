// The answers to an operator, as opposed to defects of this program: a command line that describes no machine, a command that cannot be
// carried out now, a host or a peer that refuses. The message is shown to the operator unchanged: what is wrong, what was expected, what to do.
//
// A refusal of the operating system is an IOException, as in every program of this runtime, and is as much an answer. Whatever else
// escapes is a defect: it becomes "internal error" with a stack in the log, and a process that has a guest stays.

namespace Vmm.Core.Errors;

/// <summary>An answer to an operator or a management client, and no defect.</summary>
public abstract class VmmException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What is wrong, what was expected, what to do.</param>
    /// <param name="cause">The error underneath, if any.</param>
    protected VmmException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
