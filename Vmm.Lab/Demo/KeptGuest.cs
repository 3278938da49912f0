// The guest that ./demo --keep leaves running: one terminal for its console and for a shell on its host, with the keys of a QEMU terminal (Ctrl-A).
// The host may be the lab, where no other terminal leads to; so what a user needs for an update by hand is here, and ready to be pasted.
//
// What comes from the one that is not shown is kept, the latest of it, until it is shown.

using System.Text;
using System.Threading.Channels;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Demo;

/// <summary>A guest's console and a shell of its host on the user's terminal.</summary>
/// <param name="host">The host.</param>
/// <param name="folder">Where the guest's files and sockets are.</param>
/// <param name="update">The lines that update it by hand.</param>
internal sealed class KeptGuest(IHost host, string folder, IReadOnlyList<string> update)
{
    private const byte Escape = 1; // Ctrl-A
    private const int MostKept = 16 << 10;

    private readonly Channel<(Screen? From, byte[] Bytes)> _events = Channel.CreateBounded<(Screen?, byte[])>(64);
    private IHostProcess? _shellProcess;
    private Stream _terminal = Stream.Null;
    private Screen _console = null!;
    private Screen? _shell;
    private Screen _shown = null!;
    private bool _isEscaped;

    /// <summary>Serves the terminal until the user leaves it, or the guest or the terminal ends.</summary>
    internal async Task RunAsync(CancellationToken cancellation)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await using var terminal = await UserTerminal.OpenAsync(cancellation);
        await using var console = await host.ConnectAsync($"{folder}/{DemoGuest.ConsoleSocket}", cancellation);
        _terminal = terminal.Stream;
        _shown = _console = new Screen(console);
        try
        {
            await ShowAsync(Help());
            Read(from: null, _terminal, end.Token);
            Read(_console, console, end.Token);
            while (await TakeAsync(await _events.Reader.ReadAsync(end.Token)))
            {
            }
        }
        finally
        {
            await end.CancelAsync();
            await EndAsync();
        }
    }

    /// <returns>Whether to go on.</returns>
    private async Task<bool> TakeAsync((Screen? From, byte[] Bytes) happened)
    {
        var (from, bytes) = happened;
        if (from is null)
        {
            return bytes.Length > 0 && await TypedAsync(bytes);
        }

        if (bytes.Length == 0)
        {
            await ShowAsync(from == _console ? "\n[the guest's console has ended]\n" : "\n[the shell has ended]\n");
            if (from != _console)
            {
                _shell = null;
                _shown = _console;
            }

            return from != _console;
        }

        if (from == _shown)
        {
            await _terminal.WriteAsync(bytes);
        }
        else
        {
            from.Keep(bytes);
        }

        return true;
    }

    private async Task<bool> TypedAsync(byte[] bytes)
    {
        var plain = new List<byte>();
        foreach (byte key in bytes)
        {
            if (!_isEscaped)
            {
                _isEscaped = key == Escape;
                plain.AddRange(_isEscaped ? [] : [key]);
                continue;
            }

            _isEscaped = false;
            await SendAsync(plain);
            switch ((char)key)
            {
                case 'x':
                    return false;
                case 'c':
                    await SwitchAsync();
                    break;
                case 'h':
                    await ShowAsync(Help());
                    break;
                case (char)Escape:
                    plain.Add(key);
                    break;
            }
        }

        await SendAsync(plain);
        return true;
    }

    private async Task SendAsync(List<byte> plain)
    {
        if (plain.Count > 0)
        {
            await _shown.Input.WriteAsync(plain.ToArray());
            await _shown.Input.FlushAsync();
            plain.Clear();
        }
    }

    private async Task SwitchAsync()
    {
        bool toShell = _shown == _console;
        await ShowAsync(toShell ? $"\n[a shell on {host.Name}; Ctrl-A c goes back to the guest's console]\n" : "\n[the guest's console]\n");
        _shown = toShell ? _shell ??= await StartShellAsync() : _console;
        await _terminal.WriteAsync(_shown.TakeKept());
    }

    /// <summary>An interactive shell has a terminal of its own on its host.</summary>
    private async Task<Screen> StartShellAsync()
    {
        if (_shellProcess is not null)
        {
            await _shellProcess.DisposeAsync();
        }

        _shellProcess = await host.StartAsync($"cd {Shell.Quote(folder)} && exec socat - {Shell.Quote("EXEC:sh -i,pty,setsid,ctty,stderr,sane")}");
        var shell = new Screen(_shellProcess.Input);
        Read(shell, _shellProcess.Output, CancellationToken.None);
        return shell;
    }

    private void Read(Screen? from, Stream stream, CancellationToken cancellation) => _ = Task.Run(
        async () =>
        {
            byte[] buffer = new byte[4096];
            int got;
            do
            {
                got = await ReadSomeAsync(stream, buffer, cancellation);
                await _events.Writer.WriteAsync((from, buffer[..got]), cancellation);
            }
            while (got > 0);
        },
        CancellationToken.None);

    /// <returns>How many bytes; 0 at the end, and a connection that breaks is one.</returns>
    private static async Task<int> ReadSomeAsync(Stream stream, byte[] buffer, CancellationToken cancellation)
    {
        try
        {
            return await stream.ReadAsync(buffer, cancellation);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            return 0;
        }
    }

    private Task ShowAsync(string text) => _terminal.WriteAsync(Encoding.UTF8.GetBytes(text.Replace("\n", "\r\n", StringComparison.Ordinal))).AsTask();

    private string Help() => $"""

        == the guest stays, and this terminal is its console now: it runs each line that is typed as a command
           Ctrl-A c  a shell on {host.Name}, and back to the console
           Ctrl-A h  this text
           Ctrl-A x  ends everything
        == to update the guest by hand, as often as you like, paste these lines into the shell:

        {string.Join("\n\n", update)}

        ==

        """;

    /// <summary>Ends the shell, and what was started from it: every vmm that works in the demo's folder.</summary>
    private async Task EndAsync()
    {
        string vmm = $"\"$(readlink -f {Shell.Quote(host.VmmPath)})\"";
        await host.TryRunAsync(
            $"for p in /proc/[0-9]*; do [ \"$(readlink $p/cwd)\" = {Shell.Quote(folder)} ] && [ \"$(readlink $p/exe)\" = {vmm} ] && kill ${{p#/proc/}}; done; true");
        if (_shellProcess is not null)
        {
            await _shellProcess.DisposeAsync();
        }

        _events.Writer.TryComplete();
    }

    /// <summary>One of the two that share the terminal.</summary>
    private sealed class Screen(Stream input)
    {
        private byte[] _kept = [];

        internal Stream Input { get; } = input;

        internal void Keep(byte[] bytes) => _kept = [.. _kept.Concat(bytes).TakeLast(MostKept)];

        internal byte[] TakeKept()
        {
            byte[] kept = _kept;
            _kept = [];
            return kept;
        }
    }
}
