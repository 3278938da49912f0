// One connection to the lab's agent: frames both ways, as lab/agent.c describes them. A loop takes the frames apart
// into two streams, output and errors, and the exit status; it never waits for a reader.

using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;

namespace Vmm.Lab.Hosts;

/// <summary>A command or a unix socket behind the agent.</summary>
internal sealed class AgentConnection : IAsyncDisposable
{
    private const int HeadSize = 5;
    private const int StampSize = 16;
    private const int LargestInput = 65536;

    private readonly NetworkStream _wire;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly Channel<byte[]> _output = Channel.CreateUnbounded<byte[]>();
    private readonly Channel<byte[]> _errors = Channel.CreateUnbounded<byte[]>();
    private readonly TaskCompletionSource<int> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _receiving = Task.CompletedTask;

    private AgentConnection(NetworkStream wire)
    {
        _wire = wire;
        Output = new AgentStream(this, _output.Reader);
        Errors = new AgentStream(this, _errors.Reader);
    }

    internal int Pid { get; private set; }

    internal AgentStream Output { get; }

    internal AgentStream Errors { get; }

    internal Task<int> Exited => _exited.Task;

    internal static async Task<AgentConnection> OpenAsync(NetworkStream wire, byte kind, string text, CancellationToken cancellation)
    {
        var connection = new AgentConnection(wire);
        try
        {
            await connection.SendAsync(kind, Encoding.UTF8.GetBytes(text), cancellation);
            var (answer, payload) = await connection.ReceiveAsync(cancellation);
            connection.Pid = answer == 'p'
                ? BinaryPrimitives.ReadInt32LittleEndian(payload)
                : throw new IOException($"the lab's agent: {Encoding.UTF8.GetString(payload)}");
            connection._receiving = connection.ReceiveAllAsync();
            return connection;
        }
        catch
        {
            await wire.DisposeAsync();
            throw;
        }
    }

    internal async ValueTask SendInputAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        for (; bytes.Length > 0; bytes = bytes[Math.Min(bytes.Length, LargestInput)..])
        {
            await SendAsync((byte)'i', bytes[..Math.Min(bytes.Length, LargestInput)], cancellation);
        }
    }

    internal async Task EndInputAsync()
    {
        if (!_exited.Task.IsCompleted)
        {
            await SendAsync((byte)'i', default, CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _wire.DisposeAsync();
        await _receiving;
        _writing.Dispose();
    }

    private async Task SendAsync(byte kind, ReadOnlyMemory<byte> payload, CancellationToken cancellation)
    {
        var frame = new byte[HeadSize + payload.Length];
        frame[0] = kind;
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(1), payload.Length);
        payload.Span.CopyTo(frame.AsSpan(HeadSize));
        await _writing.WaitAsync(cancellation);
        try
        {
            await _wire.WriteAsync(frame, cancellation);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task<(byte Kind, byte[] Payload)> ReceiveAsync(CancellationToken cancellation)
    {
        var head = new byte[HeadSize];
        await _wire.ReadExactlyAsync(head, cancellation);
        var payload = new byte[BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(1))];
        await _wire.ReadExactlyAsync(payload, cancellation);
        return (head[0], payload);
    }

    private async Task ReceiveAllAsync()
    {
        try
        {
            while (!_exited.Task.IsCompleted)
            {
                var (kind, payload) = await ReceiveAsync(CancellationToken.None);
                switch ((char)kind)
                {
                    case 'o' when payload.Length > StampSize:
                        _output.Writer.TryWrite(payload);
                        break;
                    case 'o':
                        _output.Writer.TryComplete();
                        break;
                    case 'e' when payload.Length > StampSize:
                        _errors.Writer.TryWrite(payload);
                        break;
                    case 'e':
                        _errors.Writer.TryComplete();
                        break;
                    case 'c':
                        _exited.TrySetResult(BinaryPrimitives.ReadInt32LittleEndian(payload));
                        break;
                    default:
                        throw new InvalidDataException($"the lab's agent sent a frame of kind {kind}");
                }
            }
        }
        catch (Exception ended) when (ended is IOException or ObjectDisposedException or InvalidDataException)
        {
            _exited.TrySetException(new IOException("the connection to the lab ended", ended));
            _ = _exited.Task.Exception;
        }

        _output.Writer.TryComplete();
        _errors.Writer.TryComplete();
    }
}

/// <summary>One direction out of a command, or both of a socket; closing it ends the connection.</summary>
internal sealed class AgentStream(AgentConnection connection, ChannelReader<byte[]> frames) : HostStream
{
    private const int StampSize = 16;

    private ReadOnlyMemory<byte> _rest;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_rest.IsEmpty)
        {
            if (!await frames.WaitToReadAsync(cancellationToken) || !frames.TryRead(out var frame))
            {
                return 0;
            }

            LastRead = new HostTime(
                BinaryPrimitives.ReadInt64LittleEndian(frame), BinaryPrimitives.ReadInt64LittleEndian(frame.AsSpan(8)));
            _rest = frame.AsMemory(StampSize);
        }

        var count = Math.Min(buffer.Length, _rest.Length);
        _rest[..count].CopyTo(buffer);
        _rest = _rest[count..];
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        connection.SendInputAsync(buffer, cancellationToken);

    public override async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        connection.DisposeAsync().AsTask().GetAwaiter().GetResult();
        base.Dispose(disposing);
    }
}

/// <summary>The input of a command in the lab; closing it is the end of input.</summary>
internal sealed class AgentInput(AgentConnection connection) : HostStream
{
    public override bool CanRead => false;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException("a command's input is not read");

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        connection.SendInputAsync(buffer, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        connection.EndInputAsync().GetAwaiter().GetResult();
        base.Dispose(disposing);
    }
}

/// <summary>A command that runs in the lab.</summary>
internal sealed class AgentProcess(AgentConnection connection) : IHostProcess
{
    public int Pid => connection.Pid;

    public Stream Input { get; } = new AgentInput(connection);

    public HostStream Output => connection.Output;

    public HostStream Errors => connection.Errors;

    public Task<int> Exited => connection.Exited;

    // The agent kills a command whose connection goes.
    public ValueTask DisposeAsync() => connection.DisposeAsync();
}
