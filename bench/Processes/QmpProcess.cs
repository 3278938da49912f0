// A monitor process, vmm or QEMU, as a benchmark drives it: started, spoken to over its QMP socket, ended.

using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Vmm.Bench.Processes;

/// <summary>A process with a QMP socket.</summary>
internal sealed class QmpProcess : IDisposable
{
    private const int TimeoutMilliseconds = 20_000;

    /// <summary>The flags of a socket that listens, in /proc/net/unix.</summary>
    private const string AcceptsConnections = "00010000";

    private readonly Scratch _scratch;
    private readonly Process _process;
    private readonly List<JsonElement> _events = [];
    private readonly byte[] _buffer = new byte[65536];
    private Socket? _qmp;
    private string _pending = "";

    /// <summary>Starts it.</summary>
    /// <param name="scratch">Where its socket is.</param>
    /// <param name="name">Its name, for the socket and for texts.</param>
    /// <param name="program">The program.</param>
    /// <param name="arguments">Its arguments; -qmp is added.</param>
    internal QmpProcess(Scratch scratch, string name, string program, IEnumerable<string> arguments)
    {
        _scratch = scratch;
        Name = name;
        SocketPath = scratch[$"{name}.qmp"];
        StartedAt = Stopwatch.GetTimestamp();
        Command = [program, .. arguments, "-qmp", $"unix:{SocketPath},server=on,wait=off"];
        _process = scratch.Start(new ProcessStartInfo(program, Command.Skip(1))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        });
    }

    internal string Name { get; }

    internal string SocketPath { get; }

    internal long StartedAt { get; }

    internal int Id => _process.Id;

    /// <summary>Its command line.</summary>
    internal IReadOnlyList<string> Command { get; }

    /// <summary>Connects, as soon as the socket is there, and reads the greeting.</summary>
    /// <returns>The time from exec to the greeting.</returns>
    internal TimeSpan Greet()
    {
        WaitForListener(SocketPath);
        _qmp = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = TimeoutMilliseconds };
        _qmp.Connect(new UnixDomainSocketEndPoint(SocketPath));
        ReadLine();
        var elapsed = Stopwatch.GetElapsedTime(StartedAt);
        Execute("""{"execute":"qmp_capabilities"}""");
        return elapsed;
    }

    /// <summary>Waits until the process listens on a path: a socket that is there may not listen yet.</summary>
    internal void WaitForListener(string path)
    {
        // Looks every millisecond rather than all the time: the processor is needed by what is measured.
        using var never = new ManualResetEventSlim();
        while (!Listens(path))
        {
            if (_process.HasExited)
            {
                throw new InvalidOperationException($"{Name} exited with {_process.ExitCode}: {_process.StandardError.ReadToEnd()}");
            }

            if (Stopwatch.GetElapsedTime(StartedAt).TotalMilliseconds > TimeoutMilliseconds)
            {
                throw new TimeoutException($"{Name} does not listen on {path}");
            }

            never.Wait(1);
        }
    }

    internal JsonElement Execute(string command)
    {
        _qmp!.Send(Encoding.ASCII.GetBytes(command + "\r\n"));
        while (true)
        {
            var message = Read();
            if (message.TryGetProperty("return", out var value))
            {
                return value;
            }

            if (message.TryGetProperty("error", out var error))
            {
                throw new InvalidOperationException($"{Name}: {command}: {error}");
            }

            _events.Add(message);
        }
    }

    /// <summary>Waits for an event that fits, among those that have come too; all before it are forgotten.</summary>
    internal JsonElement WaitFor(Predicate<JsonElement> fits)
    {
        while (true)
        {
            if (TryFind(fits) is { } found)
            {
                return found;
            }

            _events.Add(Read());
        }
    }

    /// <summary>An event that fits, among those that have come; all before it are forgotten.</summary>
    internal JsonElement? TryFind(Predicate<JsonElement> fits)
    {
        int index = _events.FindIndex(fits);
        if (index < 0)
        {
            return null;
        }

        var found = _events[index];
        _events.RemoveRange(0, index + 1);
        return found;
    }

    /// <summary>Forgets the events that have come.</summary>
    internal void ForgetEvents() => _events.Clear();

    /// <summary>Resident memory without the guest's RAM, in KiB: the sum of all mappings but the RAM file's.</summary>
    internal long ResidentKiB()
    {
        long total = 0;
        bool isRam = false;
        foreach (string line in File.ReadLines($"/proc/{_process.Id}/smaps"))
        {
            if (line.Length > 0 && (char.IsAsciiHexDigitLower(line[0]) && line.Contains('-', StringComparison.Ordinal)))
            {
                isRam = line.Contains("memfd:", StringComparison.Ordinal);
            }
            else if (!isRam && line.StartsWith("Rss:", StringComparison.Ordinal))
            {
                total += long.Parse(line.AsSpan(4, line.Length - 6).Trim(), System.Globalization.CultureInfo.InvariantCulture);
            }
        }

        return total;
    }

    public void Dispose()
    {
        _qmp?.Dispose();
        _scratch.End(_process);
        File.Delete(SocketPath);
    }

    private static bool Listens(string path) => File.Exists(path) && File.ReadLines("/proc/net/unix").Any(
        line => line.EndsWith($" {path}", StringComparison.Ordinal) && line.Split(' ', 5)[3] == AcceptsConnections);

    private JsonElement Read()
    {
        using var document = JsonDocument.Parse(ReadLine());
        return document.RootElement.Clone();
    }

    private string ReadLine()
    {
        int end;
        while ((end = _pending.IndexOf('\n', StringComparison.Ordinal)) < 0)
        {
            int got = _qmp!.Receive(_buffer);
            _pending += got > 0
                ? Encoding.ASCII.GetString(_buffer, 0, got)
                : throw new InvalidOperationException($"{Name} closed its monitor");
        }

        string line = _pending[..end];
        _pending = _pending[(end + 1)..];
        return line;
    }
}
