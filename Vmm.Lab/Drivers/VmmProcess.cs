using Vmm.Lab.Hosts;

namespace Vmm.Lab.Drivers;

/// <summary>
/// A running VMM on a host, vmm or, for comparison, QEMU, with ways to its monitors. Waiting for one of them ends at once, with what the
/// process said on stderr, when it exits instead. Disposing kills it by its pid.
/// </summary>
public sealed class VmmProcess : IAsyncDisposable
{
    private static readonly TimeSpan ErrorOutputWait = TimeSpan.FromSeconds(2);

    private readonly IHost _host;
    private readonly IHostProcess _process;
    private readonly string _folder;
    private readonly ConsoleReader _errors;
    private Task? _ending;

    private VmmProcess(IHost host, IHostProcess process, string folder)
    {
        _host = host;
        _process = process;
        _folder = folder;
        _errors = new ConsoleReader(process.Errors);
        Exited = ExitAsync();
    }

    /// <summary>The process id on its host.</summary>
    public int Pid => _process.Pid;

    /// <summary>The exit status, or 128 + the signal. When it is known, all that the process said is known too.</summary>
    public Task<int> Exited { get; }

    /// <summary>All it has written to stderr.</summary>
    public string Errors => System.Text.Encoding.UTF8.GetString(_errors.Bytes);

    /// <summary>
    /// Waits for a line on stderr that has a text, and answers with all that was written there: a thread of its own writes the log of a process that
    /// runs.
    /// </summary>
    public async Task<string> ErrorsWithAsync(string text)
    {
        await _errors.WaitForLineAsync(line => line.Contains(text, StringComparison.Ordinal));
        return Errors;
    }

    /// <summary>Its standard input.</summary>
    public Stream Input => _process.Input;

    /// <summary>Its standard output; a monitor, a serial port or nothing, as its arguments say.</summary>
    public HostStream Output => _process.Output;

    /// <summary>Starts a program in a folder of the host; relative paths in its arguments are relative to that.</summary>
    public static async Task<VmmProcess> StartAsync(
        IHost host, string program, IEnumerable<string> arguments, string folder, CancellationToken cancellation = default)
    {
        var command = $"cd {Shell.Quote(folder)} && exec {Shell.Quote([program, .. arguments])}";
        return new VmmProcess(host, await host.StartAsync(command, cancellation), folder);
    }

    /// <summary>Connects to one of its unix sockets, by its path relative to the folder.</summary>
    public Task<HostStream> ConnectAsync(string path, CancellationToken cancellation = default) =>
        WhileRunningAsync(token => _host.ConnectAsync(Path.Combine(_folder, path), token), $"listened on {path}", cancellation);

    /// <summary>Opens a QMP session on one of its unix sockets.</summary>
    public async Task<QmpClient> OpenQmpAsync(string path, CancellationToken cancellation = default)
    {
        var stream = await ConnectAsync(path, cancellation);
        return await WhileRunningAsync(token => QmpClient.OpenAsync(stream, negotiate: true, token), "greeted", cancellation);
    }

    /// <summary>Opens the human monitor on its standard streams (<c>-monitor stdio</c>).</summary>
    public Task<HmpClient> OpenMonitorAsync(string prompt = "(qemu) ", CancellationToken cancellation = default) =>
        WhileRunningAsync(token => HmpClient.OpenAsync(Input, Output, prompt, token), "gave a prompt", cancellation);

    /// <summary>Sends a signal by name, such as <c>STOP</c>, to the process.</summary>
    public Task SignalAsync(string signal) => _host.RunAsync($"kill -{signal} {Pid}");

    /// <summary>Ends the process if it still runs. A second call waits for the same end.</summary>
    public ValueTask DisposeAsync() => new(_ending ??= EndAsync());

    private async Task EndAsync()
    {
        await _process.DisposeAsync();
        await _errors.DisposeAsync();
    }

    private async Task<T> WhileRunningAsync<T>(Func<CancellationToken, Task<T>> work, string what, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(Timeouts.Answer);
        var working = work(deadline.Token);
        if (await Task.WhenAny(working, Exited) == working)
        {
            try
            {
                return await working;
            }
            catch (IOException)
            {
                // A connection that closes may be how an exit shows first; then the exit says more.
                if (await Task.WhenAny(Exited, Task.Delay(ErrorOutputWait, cancellation)) != Exited)
                {
                    throw;
                }
            }
        }

        await deadline.CancelAsync();
        await _errors.Closed;
        throw new IOException($"the process ended with status {await Exited} before it {what}; it said: {Errors}");
    }

    /// <summary>Something else may hold the other end of stderr, so its end is not waited for without limit.</summary>
    private async Task<int> ExitAsync()
    {
        int status = await _process.Exited;
        await Task.WhenAny(_errors.Closed, Task.Delay(ErrorOutputWait));
        return status;
    }
}
