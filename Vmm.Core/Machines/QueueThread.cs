using Microsoft.Extensions.Logging;
using Vmm.Core.Configuration;
using Vmm.Core.Loop;

namespace Vmm.Core.Machines;

/// <summary>The thread that serves the queues of a machine's devices. Started with the process, like every other: later the host may refuse one.</summary>
internal static partial class QueueThread
{
    /// <summary>Starts it; null if no device of the machine has queues.</summary>
    /// <exception cref="MachineException">The host gives none.</exception>
    internal static IoThread? StartFor(MachineConfiguration configuration, ILogger log)
    {
        if (!configuration.Devices.Any(device => device.Type.HasQueues))
        {
            return null;
        }

        try
        {
            return new IoThread("queues")
            {
                UnhandledException = defect => LogFailed(log, defect.ToString()),
                HostRefused = refusal => LogPolled(log, refusal.Message),
            };
        }
        catch (Exception refusal) when (refusal is OutOfMemoryException or IOException)
        {
            throw new MachineException($"the host gives no thread for the queues of devices: {refusal.Message}", refusal);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "a device's queue failed by a defect of this program and is not served any more: {Defect}")]
    private static partial void LogFailed(ILogger log, string defect);

    [LoggerMessage(Level = LogLevel.Error, Message = "the host refuses to report a queue's events, which is polled until it does not: {Reason}")]
    private static partial void LogPolled(ILogger log, string reason);
}
