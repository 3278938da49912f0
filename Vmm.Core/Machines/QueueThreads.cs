using Microsoft.Extensions.Logging;
using Vmm.Core.Configuration;
using Vmm.Core.Loop;

namespace Vmm.Core.Machines;

/// <summary>
/// The threads that serve the queues of a machine's devices: one for devices that name none, and those of -object iothread. Started with the
/// process, like every other: later the host may refuse one.
/// </summary>
public sealed partial class QueueThreads : IDisposable
{
    private readonly Dictionary<string, IoThread> _named = new(StringComparer.Ordinal);
    private readonly IoThread? _default;
    private readonly ILogger _log;

    /// <summary>Starts them.</summary>
    /// <exception cref="MachineException">The host gives none.</exception>
    internal QueueThreads(MachineConfiguration configuration, ILogger log)
    {
        _log = log;
        try
        {
            foreach (var thread in configuration.IoThreads)
            {
                _named.Add(thread.Id, Start(thread.Id, thread.PollMaxNanoseconds, log));
            }

            if (configuration.Devices.Any(device => device.Type.HasQueues))
            {
                _default = Start("queues", 0, log);
            }
        }
        catch (Exception refusal) when (refusal is OutOfMemoryException or IOException)
        {
            Dispose();
            throw Refused(refusal);
        }
    }

    /// <summary>The threads of -object iothread, by id.</summary>
    public IReadOnlyDictionary<string, IoThread> Named => _named;

    /// <summary>The thread of devices that name none.</summary>
    internal IIoThread Default => _default ?? throw new InvalidOperationException("no device type of this machine has said that it has queues");

    /// <summary>The thread of an id.</summary>
    /// <exception cref="InvalidOperationException">It is not configured.</exception>
    internal IIoThread Of(string id) => _named.GetValueOrDefault(id) ?? throw new InvalidOperationException($"iothread '{id}' is not configured");

    /// <summary>Starts one more.</summary>
    /// <exception cref="MachineException">The host gives none.</exception>
    internal void Add(IoThreadConfiguration thread)
    {
        try
        {
            _named.Add(thread.Id, Start(thread.Id, thread.PollMaxNanoseconds, _log));
        }
        catch (Exception refusal) when (refusal is OutOfMemoryException or IOException)
        {
            throw Refused(refusal);
        }
    }

    /// <summary>Ends one that no device uses.</summary>
    internal void Remove(string id)
    {
        if (_named.Remove(id, out var thread))
        {
            thread.Dispose();
        }
    }

    /// <summary>Ends them; nothing is served any more.</summary>
    public void Dispose()
    {
        _default?.Dispose();
        foreach (var thread in _named.Values)
        {
            thread.Dispose();
        }
    }

    private static MachineException Refused(Exception refusal) => new($"the host gives no thread for the queues of devices: {refusal.Message}", refusal);

    private static IoThread Start(string name, long pollNanoseconds, ILogger log) => new(name, pollNanoseconds)
    {
        UnhandledException = defect => LogFailed(log, defect.ToString()),
        HostRefused = refusal => LogPolled(log, refusal.Message),
    };

    [LoggerMessage(Level = LogLevel.Error, Message = "a device's queue failed by a defect of this program and is not served any more: {Defect}")]
    private static partial void LogFailed(ILogger log, string defect);

    [LoggerMessage(Level = LogLevel.Error, Message = "the host refuses to report a queue's events, which is polled until it does not: {Reason}")]
    private static partial void LogPolled(ILogger log, string reason);
}
