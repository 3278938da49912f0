// The programs that an operator has run when a tap is opened and before it is closed, with the interface's name as their only argument: they put it on a
// bridge, say, and take it off.
//
// The machine loop waits for such a program, at most for a limit: one that takes longer is killed, and has failed. It gets nothing of this process but
// /dev/null; what it says last on its standard error is a part of the reason.

using System.Globalization;
using Microsoft.Extensions.Logging;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Net;

/// <summary>Runs scripts of taps.</summary>
internal static partial class TapScript
{
    private const string Done = "exited with status 0";

    /// <summary>How long a script may take.</summary>
    internal static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>How long the end of one that is killed is waited for.</summary>
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(1);

    /// <summary>Runs a script, and waits until it has ended.</summary>
    /// <param name="path">The program.</param>
    /// <param name="interfaceName">Its argument.</param>
    /// <param name="limit">How long it may take.</param>
    /// <param name="log">Where it is reported that one could not be killed.</param>
    /// <returns>Why it failed; null if it ended with status 0.</returns>
    internal static string? Run(string path, string interfaceName, TimeSpan limit, ILogger log)
    {
        SupervisedProgram? program = null;
        try
        {
            using var nothing = HostFile.OpenToUpdate("/dev/null");
            program = SupervisedProgram.Start(path, [interfaceName], nothing);
            if (!program.WaitEnded(limit))
            {
                program.ForceEnd(log);
                program.WaitEnded(EndLimit);
                program.Reap();
                return string.Create(CultureInfo.InvariantCulture, $"it had not ended after {limit.TotalSeconds} seconds, and was killed");
            }

            string outcome = program.Reap();
            return outcome == Done || outcome.StartsWith($"{Done}:", StringComparison.Ordinal) ? null : $"it {outcome}";
        }
        catch (IOException e)
        {
            return e.Message;
        }
        finally
        {
            program?.Close();
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "netdev '{Id}': downscript {Script} for interface '{Interface}' failed: {Reason}")]
    internal static partial void LogDownScriptFailed(ILogger log, string id, string script, string @interface, string reason);
}
