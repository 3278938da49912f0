using Microsoft.Extensions.Logging;

namespace Vmm.Hosting;

/// <summary>Log messages as lines in the manner of the field's programs: "vmm: warning: …".</summary>
internal sealed class LineLogger(LogSink sink, LogLevel least) : ILogger, ILoggerProvider
{
    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => this;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel >= least && logLevel != LogLevel.None;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            string cause = exception is null ? string.Empty : $": {exception.Message}";
            sink.Write($"vmm: {Prefix(logLevel)}{formatter(state, exception)}{cause}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private static string Prefix(LogLevel level) => level switch
    {
        LogLevel.Warning => "warning: ",
        LogLevel.Error or LogLevel.Critical => "error: ",
        LogLevel.Debug or LogLevel.Trace => "debug: ",
        _ => "info: ",
    };
}
