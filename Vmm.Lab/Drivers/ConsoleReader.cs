// Collects what a guest writes to its serial console, byte for byte, and hands it out as lines, each with the instant
// at which it arrived on the host's clocks.

using System.Text;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Drivers;

/// <summary>A line of a console.</summary>
/// <param name="Number">Its position, from 0.</param>
/// <param name="Text">The line without its end.</param>
/// <param name="Arrived">When its end arrived, on the host's clocks.</param>
public sealed record ConsoleLine(int Number, string Text, HostTime Arrived)
{
    /// <summary>The text alone.</summary>
    public override string ToString() => Text;
}

/// <summary>A guest's console.</summary>
public sealed class ConsoleReader : IAsyncDisposable
{
    private readonly HostStream _stream;
    private readonly Journal<ConsoleLine> _lines = new("the console");
    private readonly MemoryStream _bytes = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _reading;
    private int _commandRuns;

    /// <summary>Starts to collect; the stream is then the reader's.</summary>
    public ConsoleReader(HostStream stream)
    {
        _stream = stream;
        _reading = ReadAllAsync();
    }

    /// <summary>All complete lines so far.</summary>
    public IReadOnlyList<ConsoleLine> Lines => _lines.Entries;

    /// <summary>All bytes so far.</summary>
    public byte[] Bytes
    {
        get
        {
            lock (_bytes)
            {
                return _bytes.ToArray();
            }
        }
    }

    /// <summary>The pulse lines so far, in order.</summary>
    public IReadOnlyList<Tick> Ticks => [.. _lines.Entries.Select(Tick.TryParse).OfType<Tick>()];

    /// <summary>The count of the newest tick; -1 before the first.</summary>
    public long LastTick => Ticks is [.., var last] ? last.Count : -1;

    /// <summary>Completes when the other side has closed the console.</summary>
    public Task Closed => _reading;

    /// <summary>Waits for a line, the first of all lines that fits.</summary>
    public async Task<ConsoleLine> WaitForLineAsync(
        Predicate<string> wanted, TimeSpan? timeout = null, CancellationToken cancellation = default) =>
        (await _lines.FindAsync(0, line => wanted(line.Text), "such line", timeout ?? Timeouts.Answer, cancellation)).Entry;

    /// <summary>Waits for a line that is exactly <paramref name="text"/>.</summary>
    public Task<ConsoleLine> WaitForLineAsync(string text, TimeSpan? timeout = null, CancellationToken cancellation = default) =>
        WaitForLineAsync(line => line == text, timeout, cancellation);

    /// <summary>Waits for a line that comes after those that are there when this is called.</summary>
    public async Task<ConsoleLine> WaitForNextLineAsync(
        Predicate<string> wanted, TimeSpan? timeout = null, CancellationToken cancellation = default) =>
        (await _lines.FindAsync(
            _lines.Entries.Length, line => wanted(line.Text), "such line", timeout ?? Timeouts.Answer, cancellation)).Entry;

    /// <summary>Waits until <paramref name="count"/> further pulse lines have come.</summary>
    public async Task<Tick> WaitForTicksAsync(int count, TimeSpan? timeout = null, CancellationToken cancellation = default)
    {
        var from = _lines.Entries.Length;
        ConsoleLine line;
        do
        {
            (var index, line) = await _lines.FindAsync(
                from, line => Tick.TryParse(line) is not null, $"tick ({count} to go)", timeout ?? Timeouts.Answer, cancellation);
            from = index + 1;
        }
        while (--count > 0);
        return Tick.TryParse(line)!;
    }

    /// <summary>Types a line.</summary>
    public async Task TypeAsync(string line, CancellationToken cancellation = default) =>
        await _stream.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), cancellation);

    /// <summary>Runs a command in the Linux guest (see lab/guest-init) and waits for its end.</summary>
    public async Task<CommandResult> RunAsync(string command, TimeSpan? timeout = null, CancellationToken cancellation = default)
    {
        if (Interlocked.Exchange(ref _commandRuns, 1) != 0)
        {
            throw new InvalidOperationException("the guest runs one command at a time");
        }

        try
        {
            var from = _lines.Entries.Length;
            await TypeAsync(command, cancellation);
            var (end, done) = await _lines.FindAsync(
                from,
                line => line.Text.StartsWith("done ", StringComparison.Ordinal),
                $"end of `{command}`",
                timeout ?? Timeouts.Answer,
                cancellation);
            var output = _lines.Entries[from..end].Where(line => line.Text.StartsWith("out ", StringComparison.Ordinal));
            return new CommandResult(
                int.Parse(done.Text.AsSpan("done ".Length), System.Globalization.CultureInfo.InvariantCulture),
                string.Concat(output.Select(line => line.Text["out ".Length..] + "\n")),
                "");
        }
        finally
        {
            _commandRuns = 0;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _stream.DisposeAsync();
        await _reading;
        _stop.Dispose();
    }

    private async Task ReadAllAsync()
    {
        var buffer = new byte[65536];
        var line = new List<byte>();
        var number = 0;
        try
        {
            int count;
            while ((count = await _stream.ReadAsync(buffer, _stop.Token)) > 0)
            {
                lock (_bytes)
                {
                    _bytes.Write(buffer, 0, count);
                }

                foreach (var value in buffer.AsSpan(0, count))
                {
                    if (value != '\n')
                    {
                        line.Add(value);
                        continue;
                    }

                    _lines.Add(new ConsoleLine(number++, Encoding.Latin1.GetString([.. line]).TrimEnd('\r'), _stream.LastRead));
                    line.Clear();
                }
            }

            _lines.End("closed by the other side");
        }
        catch (Exception failure)
        {
            _lines.End(failure.Message);
        }
    }
}
