// The test's end of the injector (inject.c): hears which calls a process makes while the window is open, and says which shall fail.

using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>Watches the system calls of one process.</summary>
internal sealed class Injector : IAsyncDisposable
{
    private static readonly TimeSpan IdleTime = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _calls = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource<Socket> _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _hit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Dictionary<int, WatchedProcess> _processes = [];
    private readonly TaskCompletionSource<int> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _path;
    private readonly Task _listening;
    private long _lastCall;

    /// <summary>Listens.</summary>
    /// <param name="path">Where the process that <see cref="Starting"/> starts connects to.</param>
    internal Injector(string path)
    {
        _path = path;
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _listening = ListenAsync();
    }

    /// <summary>The program that has another one watched.</summary>
    internal static string Program { get; } = Repository.Path("out/inject");

    /// <summary>Completes when the call was struck.</summary>
    internal Task Hit => _hit.Task;

    /// <summary>Completes when the window is open.</summary>
    internal Task Opened => _opened.Task;

    /// <summary>Completes when the process has ended and everything was heard of it.</summary>
    internal Task Ended => _listening;

    /// <summary>The programs that were watched so far, by process: the one that the injector was started as, and its children.</summary>
    internal IReadOnlyList<WatchedProcess> Processes
    {
        get
        {
            lock (_lock)
            {
                return [.. _processes.Values];
            }
        }
    }

    /// <summary>Completes when the process that the injector was started as has ended, with its status.</summary>
    internal Task<int> ProcessEnded => _ended.Task;

    /// <summary>What went wrong with the injector itself; null when nothing did.</summary>
    internal string? Defect { get; private set; }

    /// <summary>The calls in the window so far: their keys, and how many of each.</summary>
    internal IReadOnlyDictionary<string, int> Calls
    {
        get
        {
            lock (_lock)
            {
                return new Dictionary<string, int>(_calls, StringComparer.Ordinal);
            }
        }
    }

    /// <summary>Calls in the window so far that the table has no line for.</summary>
    internal IReadOnlyList<CallKey> Unknown => [.. Calls.Keys.Select(key => new CallKey(key)).Where(key => !CallTable.Has(key.Number))];

    /// <summary>What a program is started by.</summary>
    internal string[] Starting(CallWindow window, bool withRuns) => [Program, _path, $"{window.BatonState}", window.Whose ?? "all", withRuns ? "runs" : "quiet", "--"];

    /// <summary>Sends it a command. One that has ended gets nothing any more.</summary>
    internal async Task SendAsync(string line)
    {
        try
        {
            var process = await _connected.Task.WaitAsync(Limit);
            await process.SendAsync(Encoding.UTF8.GetBytes(line + "\n"));
        }
        catch (SocketException)
        {
            // It has ended, and the verdict is about that.
        }
    }

    /// <summary>Completes when the process has made no call for a while, but those that its running guest makes it make; or has ended.</summary>
    internal async Task RestAsync()
    {
        using var deadline = new CancellationTokenSource(Limit);
        Interlocked.CompareExchange(ref _lastCall, Environment.TickCount64, 0);
        while (!_listening.IsCompleted && !deadline.IsCancellationRequested)
        {
            long left = (long)IdleTime.TotalMilliseconds - (Environment.TickCount64 - Interlocked.Read(ref _lastCall));
            if (left <= 0)
            {
                return;
            }

            await Task.WhenAny(_listening, Task.Delay(TimeSpan.FromMilliseconds(left)));
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        if (_connected.Task.IsCompletedSuccessfully)
        {
            (await _connected.Task).Dispose();
        }

        await _listening;
    }

    private async Task ListenAsync()
    {
        try
        {
            var process = await _listener.AcceptAsync();
            _connected.TrySetResult(process);
            using var reader = new StreamReader(new NetworkStream(process), Encoding.UTF8);
            while (await reader.ReadLineAsync() is { } line)
            {
                Note(line);
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // The process has ended, or the test has.
        }
    }

    private void Note(string line)
    {
        switch (line.Split(' ', 2))
        {
            case ["call", var key]:
                lock (_lock)
                {
                    _calls[key] = _calls.GetValueOrDefault(key) + 1;
                }

                if (!new CallKey(key).IsGuests)
                {
                    Interlocked.Exchange(ref _lastCall, Environment.TickCount64);
                }

                break;
            case ["open", ..]:
                _opened.TrySetResult();
                break;
            case ["hit", _]:
                _hit.TrySetResult();
                break;
            case ["program", var program]:
                NoteProgram(program.Split(' ', '.'));
                break;
            case ["ended", var end]:
                NoteEnd(end.Split(' '));
                break;
            default:
                Defect = line;
                break;
        }
    }

    private void NoteProgram(string[] words)
    {
        var process = new WatchedProcess(Number(words[0]), Number(words[1]), Number(words[2]));
        lock (_lock)
        {
            _processes[process.Id] = process;
        }
    }

    private void NoteEnd(string[] words)
    {
        lock (_lock)
        {
            if (_processes.TryGetValue(Number(words[0]), out var process))
            {
                _processes[process.Id] = process with { WaitStatus = Number(words[1]) };
                if (process.Child == 0)
                {
                    _ended.TrySetResult(Number(words[1]));
                }
            }
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
