using Vmm.Core.Errors;

namespace Vmm.Core.Machines;

/// <summary>An operation was sent away from the <see cref="OperationGate"/> before it began: it has had no effect, and is to be asked for again.</summary>
public sealed class OperationWithdrawnException : VmmException
{
    /// <summary>Creates the error.</summary>
    public OperationWithdrawnException()
        : base("the program is about to be replaced, and the operation has not begun; repeat it")
    {
    }
}
