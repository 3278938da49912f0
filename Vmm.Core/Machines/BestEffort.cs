// What follows a decision that cannot be reversed: the guest was taken here or elsewhere, or it stays. From there on an error is a
// loss of something (a monitor, a pid file, a message to the peer), never a reason to end the process or to report that the
// decision fell otherwise. So that work is a series of steps, each guarded by itself: one that fails, with whatever type of
// exception, is logged as a warning and kept for the operator, and the next one runs.

using Microsoft.Extensions.Logging;
using Vmm.Core.Errors;

namespace Vmm.Core.Machines;

/// <summary>Steps that all run, whatever becomes of each. No member throws because of a step.</summary>
/// <param name="log">Where failed steps are reported.</param>
/// <param name="situation">What was decided, for the report: "the guest was taken over".</param>
public sealed partial class BestEffort(ILogger log, string situation)
{
    private readonly List<string> _failures = [];

    /// <summary>What did not work, in the order of the steps, each in a sentence.</summary>
    public IReadOnlyList<string> Failures => _failures;

    /// <summary>Runs a step.</summary>
    /// <param name="step">What it does, as in "could not remove the pid file".</param>
    /// <param name="action">The step.</param>
    /// <returns>Whether it was done.</returns>
    public bool Do(string step, Action action)
    {
        ArgumentNullException.ThrowIfNull(action);
        try
        {
            action();
            return true;
        }
        catch (Exception e)
        {
            Note(step, e);
            return false;
        }
    }

    /// <summary>Runs a step and waits for it. The task never faults.</summary>
    /// <inheritdoc cref="Do"/>
    public async Task<bool> DoAsync(string step, Func<Task> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        try
        {
            await action();
            return true;
        }
        catch (Exception e)
        {
            Note(step, e);
            return false;
        }
    }

    private void Note(string step, Exception failure)
    {
        _failures.Add($"could not {step}: {failure.Message}");
        try
        {
            LogFailed(log, situation, step, failure.Message);

            // What is no refusal of the host is a defect, and to fix it one needs to know where it is.
            if (failure is not (VmmException or IOException or UnauthorizedAccessException or OutOfMemoryException))
            {
                LogDefect(log, step, failure);
            }
        }
        catch (Exception e)
        {
            _failures.Add($"could not log that: {e.Message}");
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Situation}, but this process could not {Step}: {Reason}")]
    private static partial void LogFailed(ILogger log, string situation, string step, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "internal error when it should {Step}")]
    private static partial void LogDefect(ILogger log, string step, Exception failure);
}
