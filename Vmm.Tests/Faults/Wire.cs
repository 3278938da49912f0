// A detour for one of the channels: the old process connects to a socket of the test, the test to the new process, and each
// message passes through a test's hands, with its descriptors. What comes out of them may be anything.

using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Migration.Channels;

namespace Vmm.Tests.Faults;

/// <summary>A man in the middle of a channel.</summary>
internal sealed class Wire : IDisposable
{
    private const int CprHeader = 16;
    private const int Checksum = 4;
    private const int MainFrame = 24;
    private const uint EndMagic = 0x564d_4d65;

    private readonly EventLoop _loop = new("wire");
    private readonly SafeFileHandle _listener = UnixSocket.Create();
    private readonly string _to;
    private readonly bool _isMain;
    private readonly Func<WireMessage, IReadOnlyList<WireMessage>> _spoil;
    private readonly List<IDisposable> _open = [];
    private bool _haveGreeted;

    /// <summary>Listens.</summary>
    /// <param name="at">Where old connects to.</param>
    /// <param name="to">Where new listens.</param>
    /// <param name="isMain">Whether this is the main channel.</param>
    /// <param name="spoil">What is sent on in the place of a message.</param>
    internal Wire(string at, string to, bool isMain, Func<WireMessage, IReadOnlyList<WireMessage>> spoil)
    {
        (_to, _isMain, _spoil) = (to, isMain, spoil);
        UnixSocket.Listen(_listener, at, 8);
        _loop.Start();
        _loop.Post(() => _open.Add(_loop.Watch(_listener, FdEvents.In, _ => Accept())));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _loop.InvokeAsync(() =>
        {
            _open.ForEach(o => o.Dispose());
            return Task.FromResult(true);
        }).Wait();
        _loop.StopAndJoin();
        _loop.Dispose();
        _listener.Dispose();
    }

    private void Accept()
    {
        while (HostSocket.Accept(_listener) is { } connection)
        {
            try
            {
                var successor = new LoopSocket(_loop, Connecting.ToUnix(_to));
                var old = new LoopSocket(_loop, connection);
                _open.AddRange([old, successor]);
                _ = PumpAsync(old, successor, isOlds: true);
                _ = PumpAsync(successor, old, isOlds: false);
            }
            catch (PosixException)
            {
                // New listens no more; the end of the connection says so.
                connection.Dispose();
            }
        }
    }

    private async Task PumpAsync(LoopSocket from, LoopSocket to, bool isOlds)
    {
        var descriptors = new List<SafeFileHandle>();
        bool isTargetClosed = false;
        try
        {
            while (!isTargetClosed && await ReadAsync(from, isOlds, descriptors) is { } message)
            {
                foreach (var spoilt in _spoil(message))
                {
                    isTargetClosed |= !await TrySendAsync(to, spoilt);
                    if (spoilt.IsLast)
                    {
                        return;
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // One of the two has gone: the other learns it by the end of its channel.
        }
        finally
        {
            descriptors.ForEach(d => d.Dispose());
            if (!isTargetClosed)
            {
                from.Dispose();
                to.Dispose();
            }
        }
    }

    /// <summary>Sends on. Who has hung up may have said something before, which is still to be read: the other direction ends the channel then.</summary>
    private static async Task<bool> TrySendAsync(LoopSocket to, WireMessage message)
    {
        using var borrowed = new BorrowedDescriptors(message.Descriptors);
        try
        {
            await to.SendAsync(message.Bytes, borrowed.Numbers, Deadline.Never);
            return true;
        }
        catch (PosixException)
        {
            return false;
        }
    }

    private async Task<WireMessage?> ReadAsync(LoopSocket from, bool isOlds, List<SafeFileHandle> descriptors)
    {
        int before = descriptors.Count;
        byte[] head = new byte[_isMain ? MainFrame : CprHeader];
        if (!await FillAsync(from, head, descriptors))
        {
            return null;
        }

        bool isEnd = _isMain && BinaryPrimitives.ReadUInt32BigEndian(head) == EndMagic;
        var kind = _isMain ? (isEnd ? WireKind.End : WireKind.State) : (WireKind)BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(4));
        int rest = _isMain
            ? (isEnd ? 0 : (int)BinaryPrimitives.ReadUInt64BigEndian(head.AsSpan(16)))
            : (int)BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(8)) + (_haveGreeted ? Checksum : 0);

        // The greeting of the one that waits is the last message without a checksum.
        _haveGreeted |= kind == WireKind.Hello && !isOlds;
        byte[] bytes = [.. head, .. new byte[rest]];
        return await FillAsync(from, bytes.AsMemory(head.Length), descriptors)
            ? new WireMessage(isOlds, kind, bytes, descriptors[before..])
            : null;
    }

    private static async Task<bool> FillAsync(LoopSocket from, Memory<byte> buffer, List<SafeFileHandle> descriptors)
    {
        while (!buffer.IsEmpty)
        {
            int got = await from.ReceiveAsync(buffer, descriptors, Deadline.Never);
            if (got == 0)
            {
                return false;
            }

            buffer = buffer[got..];
        }

        return true;
    }
}
