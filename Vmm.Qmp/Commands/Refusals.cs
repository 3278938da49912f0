using Vmm.Core.Errors;
using Vmm.Core.Machines;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>Turns what the machine and the migrations refuse into QMP errors.</summary>
internal static class Refusals
{
    /// <summary>Runs an operation; a refusal becomes a GenericError with the same text. One that was withdrawn is the session's to repeat.</summary>
    internal static async Task ToQmpErrors(Func<Task> operation)
    {
        try
        {
            await operation();
        }
        catch (Exception e) when (e is VmmException and not OperationWithdrawnException or IOException)
        {
            throw QmpException.GenericError(e.Message);
        }
    }

    /// <summary>Runs an operation that is over when it returns.</summary>
    internal static ValueTask ToQmpErrors(Action operation) => new(ToQmpErrors(() =>
    {
        operation();
        return Task.CompletedTask;
    }));
}
