using Microsoft.Extensions.Logging;

namespace Vmm.Hosting;

/// <summary>Log messages as lines in the manner of the field's programs: "vmm: warning: …". Never waits; what repeats is counted.</summary>
/// <param name="sink">Where they go.</param>
/// <param name="least">The least level that is logged.</param>
internal sealed class LineLogger(LogSink sink, LogLevel least) : ILogger
{
    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel >= least && logLevel != LogLevel.None;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var kind = new LogKind(this, logLevel, eventId.Id, eventId.Name);
        if (IsEnabled(logLevel) && sink.Admits(kind))
        {
            string cause = exception is null ? string.Empty : $": {exception.Message}";
            sink.Write(kind, $"vmm: {Prefix(logLevel)}", $"{formatter(state, exception)}{cause}");
        }
    }

    private static string Prefix(LogLevel level) => level switch
    {
        LogLevel.Warning => "warning: ",
        LogLevel.Error or LogLevel.Critical => "error: ",
        LogLevel.Debug or LogLevel.Trace => "debug: ",
        _ => "info: ",
    };
}
