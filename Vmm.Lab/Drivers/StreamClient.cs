// A client on a host that downloads the stream of a guest's web server over one connection, and continues while the guest is updated.

using System.Globalization;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Drivers;

/// <summary>A download that does not end by itself.</summary>
public sealed class StreamClient : IAsyncDisposable
{
    private const string Progress = "blocks ";
    private const int Terminate = 15; // SIGTERM

    private readonly IHost _host;
    private readonly IHostProcess _process;
    private readonly ConsoleReader _lines;

    private StreamClient(IHost host, IHostProcess process)
    {
        (_host, _process) = (host, process);
        _lines = new ConsoleReader(process.Output);
    }

    /// <summary>How many blocks of 1 KiB have come, as far as that is known.</summary>
    public long Blocks => Number(_lines.Lines.LastOrDefault(line => IsProgress(line.Text))?.Text);

    /// <summary>Connects, and waits for the first blocks; a guest that does not listen yet is tried again.</summary>
    /// <param name="host">Where the client runs.</param>
    /// <param name="network">Where the guest is.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<StreamClient> ConnectAsync(IHost host, GuestNetwork network, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(network);
        string port = network.Port.ToString(CultureInfo.InvariantCulture);
        var client = new StreamClient(host, await host.StartAsync($"exec {Shell.Quote(host.StreamClient, network.Address, port)}", cancellation));
        try
        {
            MustBeProgress(await client._lines.WaitForLineAsync(_ => true, Timeouts.Boot, cancellation));
            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until more has come.</summary>
    /// <exception cref="IOException">The download has ended.</exception>
    public async Task WaitForMoreAsync(CancellationToken cancellation = default) =>
        MustBeProgress(await _lines.WaitForNextLineAsync(_ => true, Timeouts.Boot, cancellation));

    /// <summary>Ends the download, and judges it.</summary>
    public async Task<StreamVerdict> EndAsync(CancellationToken cancellation = default)
    {
        await _host.TryRunAsync($"kill -{Terminate} {_process.Pid}", cancellation);
        await _process.Exited.WaitAsync(Timeouts.Answer, cancellation);
        await _lines.Closed.WaitAsync(Timeouts.Answer, cancellation);
        return StreamVerdict.Of(_lines.Lines is [.., var last] ? last.Text : "the client said nothing");
    }

    /// <summary>Ends the client.</summary>
    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        await _lines.DisposeAsync();
    }

    private static void MustBeProgress(ConsoleLine line)
    {
        if (!IsProgress(line.Text))
        {
            throw new IOException($"the download of the guest's stream ended: {line.Text}");
        }
    }

    private static bool IsProgress(string line) => line.StartsWith(Progress, StringComparison.Ordinal);

    private static long Number(string? line) => line is null ? 0 : long.Parse(line.AsSpan(Progress.Length), CultureInfo.InvariantCulture);
}
