using Vmm.Core.Errors;
using Vmm.Core.Native;

namespace Vmm.Hosting;

/// <summary>What a program that cannot start says: one line about what was refused, or, for a defect, where it was met.</summary>
internal static class StartUpError
{
    /// <summary>Whether an error is for the operator to deal with, and no defect.</summary>
    internal static bool IsRefusal(Exception e) => e is VmmException or IOException or UnauthorizedAccessException or ArgumentException
        or OutOfMemoryException or ThreadStartException;

    /// <summary>Writes the text to standard error; where there is no memory for one, a line that takes none.</summary>
    internal static void Report(Exception e)
    {
        try
        {
            StandardStream.WriteError($"vmm: {Explain(e)}");
        }
        catch (Exception again) when (again is OutOfMemoryException or TypeInitializationException)
        {
            HostProcess.WriteErrorOnce("vmm: the host gives this process no memory (RLIMIT_AS, RLIMIT_DATA, control groups)\n"u8);
        }
    }

    /// <summary>The text.</summary>
    internal static string Explain(Exception e)
    {
        // The exception of a type initializer hides its cause, which may be a refusal of the host as anywhere else.
        while (e is TypeInitializationException { InnerException: { } inner })
        {
            e = inner;
        }

        return e switch
        {
            OutOfMemoryException or ThreadStartException =>
                "the host gives this process no memory, or no more threads; what limits it are RLIMIT_AS, RLIMIT_DATA, RLIMIT_NPROC and its control groups",
            _ when IsRefusal(e) => e.Message,
            _ => $"internal error: {e}",
        };
    }
}
