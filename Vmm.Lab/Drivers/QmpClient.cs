// A QMP client as a management tool has one: JSON values over a stream, replies matched to requests by id, everything
// with an "event" member kept until it is waited for. What matches neither, say the answer to bytes that were
// sent raw, is kept for ReceiveAsync.

using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Drivers;

/// <summary>An event as it came.</summary>
/// <param name="Name">The event's name.</param>
/// <param name="Data">Its <c>data</c>, undefined when it has none.</param>
/// <param name="Timestamp">The sender's CLOCK_REALTIME, in microseconds.</param>
public sealed record QmpEvent(string Name, JsonElement Data, long Timestamp)
{
    /// <summary>As one line, for error messages.</summary>
    public override string ToString() => Data.ValueKind == JsonValueKind.Undefined ? Name : $"{Name} {Data.GetRawText()}";
}

/// <summary>The error reply to a command.</summary>
/// <param name="class">The error class, usually <c>GenericError</c>.</param>
/// <param name="description">The text for a human.</param>
public sealed class QmpException(string @class, string description) : Exception(description)
{
    /// <summary>The error class, usually <c>GenericError</c>.</summary>
    public string Class { get; } = @class;
}

/// <summary>One QMP session.</summary>
public sealed class QmpClient : IAsyncDisposable
{
    private readonly Stream _stream;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly Journal<QmpEvent> _events = new("the QMP session");
    private readonly Journal<QmpEvent> _history = new("the QMP session");
    private readonly Journal<string> _others = new("the QMP session");
    private readonly ConcurrentDictionary<long, TaskCompletionSource<JsonElement>> _pending = new();
    private readonly Task _receiving;
    private long _lastId;
    private string? _end;

    private QmpClient(Stream stream)
    {
        _stream = stream;
        _receiving = ReceiveAllAsync();
    }

    /// <summary>What the server greeted with: the value of <c>QMP</c>.</summary>
    public JsonElement Greeting { get; private set; }

    /// <summary>The events that were not waited for yet, oldest first.</summary>
    public IReadOnlyList<QmpEvent> Events => _events.Entries;

    /// <summary>All events so far, oldest first.</summary>
    public IReadOnlyList<QmpEvent> History => _history.Entries;

    /// <summary>The messages so far, as text, that are neither events nor replies and were not received (<see cref="ReceiveAsync"/>).</summary>
    public IReadOnlyList<string> Others => _others.Entries;

    /// <summary>Completes when the server has closed the session.</summary>
    public Task Closed => _receiving;

    /// <summary>Connects to a QMP socket on a host, waits for the greeting and negotiates.</summary>
    public static async Task<QmpClient> ConnectAsync(IHost host, string path, CancellationToken cancellation = default) =>
        await OpenAsync(await host.ConnectAsync(path, cancellation), negotiate: true, cancellation);

    /// <summary>Opens a session on a connected stream, which it then owns.</summary>
    /// <param name="stream">The connection.</param>
    /// <param name="negotiate">Whether to send qmp_capabilities after the greeting.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<QmpClient> OpenAsync(Stream stream, bool negotiate, CancellationToken cancellation = default)
    {
        var client = new QmpClient(stream);
        try
        {
            var greeting = JsonElement.Parse(await client.ReceiveAsync(Timeouts.Answer, cancellation));
            client.Greeting = greeting.TryGetProperty("QMP", out var value)
                ? value
                : throw new InvalidDataException($"no QMP greeting but {greeting.GetRawText()}");
            if (negotiate)
            {
                await client.ExecuteAsync("qmp_capabilities", cancellation: cancellation);
            }

            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a command.</summary>
    /// <returns>The reply's <c>return</c>.</returns>
    /// <exception cref="QmpException">The reply is an error.</exception>
    /// <exception cref="IOException">The session ended before the reply.</exception>
    public async Task<JsonElement> ExecuteAsync(
        string command, JsonObject? arguments = null, CancellationToken cancellation = default)
    {
        var reply = new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously);
        var id = Interlocked.Increment(ref _lastId);
        _pending[id] = reply;
        if (_end is not null)
        {
            throw new IOException($"the QMP session has ended: {_end}");
        }

        var request = new JsonObject { ["execute"] = command, ["id"] = id };
        if (arguments is not null)
        {
            request["arguments"] = arguments.DeepClone();
        }

        await SendRawAsync(Encoding.UTF8.GetBytes(request.ToJsonString() + "\n"), cancellation);
        try
        {
            return await reply.Task.WaitAsync(Timeouts.Answer, cancellation);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"no reply to {command} within {Timeouts.Answer.TotalSeconds} s");
        }
    }

    /// <summary>Runs a command given as text that holds the members of its arguments, as in <c>{"mode": "cpr-transfer"}</c>.</summary>
    public Task<JsonElement> ExecuteAsync(string command, string arguments, CancellationToken cancellation = default) =>
        ExecuteAsync(command, JsonNode.Parse(arguments)!.AsObject(), cancellation);

    /// <summary>Sends bytes as they are; the answer, if any, is for <see cref="ReceiveAsync"/>.</summary>
    public async Task SendRawAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation = default)
    {
        await _writing.WaitAsync(cancellation);
        try
        {
            await _stream.WriteAsync(bytes, cancellation);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>The next message, as text, that is neither an event nor the reply to <c>ExecuteAsync</c>.</summary>
    public Task<string> ReceiveAsync(TimeSpan? timeout = null, CancellationToken cancellation = default) =>
        _others.TakeAsync(_ => true, "message", timeout ?? Timeouts.Answer, cancellation);

    /// <summary>Waits for an event; it counts once, so the next call waits for the next one. Others stay.</summary>
    /// <param name="name">The event's name.</param>
    /// <param name="where">What its data must be like; anything if null.</param>
    /// <param name="timeout">How long to wait.</param>
    /// <param name="cancellation">Gives up.</param>
    public Task<QmpEvent> WaitForEventAsync(
        string name, Predicate<JsonElement>? where = null, TimeSpan? timeout = null, CancellationToken cancellation = default) =>
        _events.TakeAsync(
            happened => happened.Name == name && (where is null || where(happened.Data)),
            $"event {name}",
            timeout ?? Timeouts.Answer,
            cancellation);

    /// <summary>Waits for a MIGRATION event with one of the given statuses.</summary>
    /// <returns>The status that came.</returns>
    public async Task<string> WaitForMigrationAsync(params string[] statuses)
    {
        var happened = await WaitForEventAsync(
            "MIGRATION", data => statuses.Contains(data.GetProperty("status").GetString()), Timeouts.Boot);
        return happened.Data.GetProperty("status").GetString()!;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        await _receiving;
        _writing.Dispose();
    }

    private async Task ReceiveAllAsync()
    {
        var reader = PipeReader.Create(_stream, new StreamPipeReaderOptions(leaveOpen: true));
        try
        {
            while (true)
            {
                var result = await reader.ReadAsync();
                var buffer = result.Buffer;
                while (TryParse(ref buffer, out var message))
                {
                    Dispatch(message);
                }

                reader.AdvanceTo(buffer.Start, buffer.End);
                if (result.IsCompleted)
                {
                    End("closed by the other side");
                    return;
                }
            }
        }
        catch (Exception failure)
        {
            End(failure.Message);
        }
    }

    private static bool TryParse(ref ReadOnlySequence<byte> buffer, out JsonElement message)
    {
        var json = new Utf8JsonReader(buffer, isFinalBlock: false, new JsonReaderState(new() { AllowMultipleValues = true }));
        if (!JsonElement.TryParseValue(ref json, out var value))
        {
            message = default;
            return false;
        }

        message = value.Value;
        buffer = buffer.Slice(json.BytesConsumed);
        return true;
    }

    private void Dispatch(JsonElement message)
    {
        if (message.TryGetProperty("event", out var name))
        {
            var time = message.GetProperty("timestamp");
            var happened = new QmpEvent(
                name.GetString()!,
                message.TryGetProperty("data", out var data) ? data : default,
                (time.GetProperty("seconds").GetInt64() * 1_000_000) + time.GetProperty("microseconds").GetInt64());
            _history.Add(happened);
            _events.Add(happened);
        }
        else if (message.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.Number
            && id.TryGetInt64(out var number) && _pending.TryRemove(number, out var reply))
        {
            if (message.TryGetProperty("error", out var error))
            {
                reply.SetException(new QmpException(error.GetProperty("class").GetString()!, error.GetProperty("desc").GetString()!));
            }
            else
            {
                reply.SetResult(message.GetProperty("return"));
            }
        }
        else
        {
            _others.Add(message.GetRawText());
        }
    }

    private void End(string reason)
    {
        _end = reason;
        _events.End(reason);
        _others.End(reason);
        foreach (var waiting in _pending.Values)
        {
            waiting.TrySetException(new IOException($"the QMP session ended before the reply: {reason}"));
        }
    }
}
