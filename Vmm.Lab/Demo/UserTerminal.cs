// The terminal that the demo was started on, with every key a byte: socat has it, sets it and, when it ends for whatever reason, puts it back as it
// was. The demo has the other end of socat's, a unix socket. If the demo ends, however that happens, socat's connection does, and so does socat.

using System.Diagnostics;
using System.Net.Sockets;

namespace Vmm.Lab.Demo;

/// <summary>A terminal in raw mode, as a stream.</summary>
internal sealed class UserTerminal : IAsyncDisposable
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(5);

    private readonly Process _socat;

    private UserTerminal(Process socat, Stream stream) => (_socat, Stream) = (socat, stream);

    /// <summary>What is typed, and what is shown.</summary>
    internal Stream Stream { get; }

    /// <summary>Takes the terminal of this process's standard input and output.</summary>
    /// <exception cref="IOException">They are no terminal.</exception>
    internal static async Task<UserTerminal> OpenAsync(CancellationToken cancellation)
    {
        RequireTerminal();
        var folder = Directory.CreateTempSubdirectory("vmm-demo.");
        try
        {
            using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            string path = Path.Combine(folder.FullName, "terminal");
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen();
            var socat = Process.Start(new ProcessStartInfo("socat", ["-,rawer", $"UNIX-CONNECT:{path}"]))
                ?? throw new IOException("socat was not started");
            return new UserTerminal(socat, new NetworkStream(await listener.AcceptAsync(cancellation), ownsSocket: true));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Refuses standard streams that are no terminal.</summary>
    /// <exception cref="IOException">Standard input or output is no terminal.</exception>
    internal static void RequireTerminal()
    {
        if (Console.IsInputRedirected || Console.IsOutputRedirected)
        {
            throw new IOException("--keep needs a terminal: standard input and output were expected to be one");
        }
    }

    /// <summary>Puts the terminal back as it was.</summary>
    public async ValueTask DisposeAsync()
    {
        await Stream.DisposeAsync();
        using var limit = new CancellationTokenSource(EndLimit);
        try
        {
            await _socat.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            _socat.Kill();
            await _socat.WaitForExitAsync(CancellationToken.None);
        }

        _socat.Dispose();
    }
}
