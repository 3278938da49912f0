// The other end of a guest's cable: what a network's back end of kind stream connects to. It checks the frames that the guest sends, which have numbers
// (guests/net-flow.h), and answers each with a frame of its own, numbered too. As long as a connection lasts no frame may be missing, doubled, overtaken or
// torn. It can die, and be there again; and it can hang: then it reads nothing any more, and has stopped in the middle of a frame.

using System.Buffers.Binary;
using System.Net.Sockets;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.Faults;

/// <summary>A peer of a network back end.</summary>
internal sealed class NetworkPeer : IDisposable
{
    private const int Prefix = sizeof(int);
    private const int Length = 1514; // of each frame
    private const int Number = 14; // its place: behind the Ethernet header
    private const int AtOnce = 64;

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(1);

    private readonly Lock _gate = new();
    private readonly string _path;
    private Socket? _listener;
    private Socket? _connection;
    private TaskCompletionSource? _hanging;
    private Task _serving = Task.CompletedTask;
    private byte[] _unsent = [];
    private uint _sent;
    private uint _before;
    private long _received;
    private bool _isSilent;

    /// <summary>Listens.</summary>
    internal NetworkPeer(string path)
    {
        _path = path;
        Listen();
    }

    /// <summary>How many frames of the guest's have come.</summary>
    internal long Received => Interlocked.Read(ref _received);

    /// <summary>The number of the last frame that was sent as a whole.</summary>
    internal uint LastSent
    {
        get
        {
            lock (_gate)
            {
                return _unsent.Length == 0 ? _sent : _sent - 1;
            }
        }
    }

    /// <summary>Whether it reads nothing.</summary>
    internal bool IsHanging => _hanging is not null;

    /// <summary>Whether it is not there.</summary>
    internal bool IsDead => _listener is null;

    /// <summary>The first frame that was not as it should be; null if there is none.</summary>
    internal string? Deviation { get; private set; }

    /// <summary>Is there, or there again.</summary>
    internal void Listen()
    {
        File.Delete(_path);
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(_path));
        listener.Listen();
        _listener = listener;
        _serving = ServeAsync(listener);
    }

    /// <summary>Closes its connection and its listener.</summary>
    internal void Die()
    {
        _listener?.Dispose();
        _listener = null;
        lock (_gate)
        {
            _connection?.Dispose();
            _connection = null;
        }
    }

    /// <summary>Reads nothing from now on, sends what the connection takes, at most some frames, and stops in the middle of one.</summary>
    internal void Hang()
    {
        lock (_gate)
        {
            _hanging = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            for (int frames = 0; frames < AtOnce && TrySend(); frames++)
            {
            }

            if (_unsent.Length == 0 && _connection is { } connection)
            {
                byte[] frame = NextFrame();
                int half = connection.Send(frame.AsSpan(0, Length / 2), SocketFlags.None, out var error);
                _unsent = frame[(error == SocketError.Success ? half : 0)..];
            }
        }
    }

    /// <summary>Continues.</summary>
    internal void Resume()
    {
        lock (_gate)
        {
            _hanging?.SetResult();
            _hanging = null;
        }
    }

    /// <summary>Sends no further frame.</summary>
    internal void BeSilent()
    {
        lock (_gate)
        {
            _isSilent = true;
        }
    }

    /// <summary>Answers again.</summary>
    internal void Speak()
    {
        lock (_gate)
        {
            _isSilent = false;
        }
    }

    /// <summary>Waits until so many more frames of the guest's have come.</summary>
    internal async Task WaitForAsync(int more)
    {
        long until = Received + more;
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (Received < until)
        {
            await Task.Delay(Poll, deadline.Token);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Resume();
        Die();
        _serving.Wait();
    }

    private async Task ServeAsync(Socket listener)
    {
        try
        {
            while (true)
            {
                var connection = await listener.AcceptAsync();
                connection.Blocking = false;
                lock (_gate)
                {
                    _connection?.Dispose();
                    (_connection, _unsent, _before) = (connection, [], 0);
                }

                await ReadAsync(connection);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It was closed.
        }
    }

    private async Task ReadAsync(Socket connection)
    {
        byte[] frame = new byte[Prefix + Length];
        try
        {
            while (true)
            {
                for (int got = 0; got < frame.Length;)
                {
                    await (_hanging?.Task ?? Task.CompletedTask);
                    int more = await connection.ReceiveAsync(frame.AsMemory(got));
                    if (more == 0)
                    {
                        return;
                    }

                    got += more;
                }

                Check(frame);
                Interlocked.Increment(ref _received);
                lock (_gate)
                {
                    if (_connection == connection && _hanging is null)
                    {
                        TrySend();
                    }
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Its end of the connection, or the other's, was closed.
        }
    }

    private void Check(byte[] frame)
    {
        int length = BinaryPrimitives.ReadInt32BigEndian(frame);
        uint first = BinaryPrimitives.ReadUInt32LittleEndian(frame.AsSpan(Prefix + Number));
        uint last = BinaryPrimitives.ReadUInt32LittleEndian(frame.AsSpan(frame.Length - sizeof(uint)));
        if (length != Length || first != last || first <= _before || (_before != 0 && first != _before + 1))
        {
            Deviation ??= $"after frame {_before} of the guest's one of {length} bytes came that begins with {first} and ends with {last}";
        }

        _before = first;
    }

    /// <summary>Sends the rest of a frame, or a frame if there is none. Gate held.</summary>
    /// <returns>Whether the connection took all of it.</returns>
    private bool TrySend()
    {
        if (_unsent.Length == 0 && !_isSilent)
        {
            _unsent = NextFrame();
        }

        if (_unsent.Length == 0 || _connection is not { } connection)
        {
            return false;
        }

        int sent = connection.Send(_unsent, SocketFlags.None, out var error);
        _unsent = _unsent[(error == SocketError.Success ? sent : 0)..];
        return _unsent.Length == 0;
    }

    private byte[] NextFrame()
    {
        byte[] frame = new byte[Prefix + Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, Length);
        frame.AsSpan(Prefix, 6).Fill(0xff);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(Prefix + 12), 0x88b5);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(Prefix + Number), ++_sent);
        return frame;
    }
}
