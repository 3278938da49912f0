using Microsoft.Extensions.Logging;

namespace Vmm.Migration.Cpr;

/// <summary>What is not the same in two processes although the guest can go from one to the other, for the logs of both.</summary>
internal static partial class Differences
{
    internal static void Log(ILogger log, IReadOnlyList<string> differences)
    {
        foreach (string difference in differences)
        {
            LogDifference(log, difference);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: not as before: {Difference}")]
    private static partial void LogDifference(ILogger log, string difference);
}
