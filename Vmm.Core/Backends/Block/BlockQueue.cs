// Requests of a disk on their way to the host and back.
//
// The host may do less than it was asked for: move fewer bytes, ask to be asked again, not know an operation. What a device gets is simpler: a
// request is done whole, or it has failed with an error number. So each answer of the host leads to the next step of the request, here:
//
//     read, write:   the rest, until all is moved; behind the end of a file are zeros
//     durable write: the write, then a flush
//     zeros:         zero the range, or else punch a hole where that is allowed, or else write zeros
//     discard:       punch a hole; where the host cannot, nothing: a discard is only a hint
//
// Everything runs on the one thread that serves the disk and allocates nothing. A request that finds no room waits in a list.

using System.Diagnostics;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Block;

/// <summary>Carries out a disk's requests on one I/O thread.</summary>
public sealed class BlockQueue : IDisposable
{
    private const int NotSupported = -95; // EOPNOTSUPP
    private const int NoTerminal = -25; // ENOTTY: a device that does not know the operation
    private const int NoSpace = -28; // ENOSPC
    private const int IoError = -5; // EIO
    private const int Again = -11; // EAGAIN
    private const int Interrupted = -4; // EINTR
    private const int MostRetries = 16;

    private readonly BlockDisk _disk;
    private readonly BlockImage _image;
    private readonly IIoRequests? _requests;
    private readonly BounceBuffers _bounces;
    private readonly BlockThrottle? _throttle;
    private readonly RequestList _waiting = new();
    private long _turnBegan = Stopwatch.GetTimestamp();

    /// <summary>Connects a disk to a thread; by <see cref="BlockDisk.Connect"/>.</summary>
    internal BlockQueue(
        BlockDisk disk, BlockImage image, IIoRequests? requests, BounceBuffers bounces, IIoThread thread, IReadOnlyList<ThrottleGroup> groups)
    {
        (_disk, _image, _requests, _bounces) = (disk, image, requests, bounces);
        _throttle = groups.Count == 0 ? null : new BlockThrottle(groups, thread, Issue, () => RoundCompleted?.Invoke());
        if (requests is not null)
        {
            requests.RoundCompleted = () =>
            {
                ServeWaiting();
                RoundCompleted?.Invoke();
            };
        }
    }

    /// <summary>
    /// Called after a number of completions that came together: what they changed may be published once. Not after completions that came before
    /// <see cref="Submit"/> returned.
    /// </summary>
    public Action? RoundCompleted { get; set; }

    /// <summary>
    /// Called before a number of requests that are submitted together: they count as begun now, so that the clock is read once for all of them, and wait
    /// for their throttle groups. On the thread that serves the disk.
    /// </summary>
    public void BeginTurn()
    {
        _turnBegan = Stopwatch.GetTimestamp();
        _throttle?.Limit();
    }

    /// <summary>The device stops submitting: until <see cref="BeginTurn"/> no request waits for its throttle group. Any thread.</summary>
    public void BeginDraining() => _throttle?.Open();

    /// <summary>Submits a request. On the thread that serves the disk. Its offset and length were checked against the disk's size.</summary>
    public void Submit(BlockRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Queue = this;
        request.Began = _turnBegan;
        if (_throttle is { } throttle)
        {
            throttle.Submit(request);
        }
        else
        {
            Issue(request);
        }
    }

    /// <summary>Waits until the host has no request of it. Any thread but that which serves the disk; what submits is stopped before.</summary>
    /// <returns>Whether that was so within the limit.</returns>
    public bool Drain(TimeSpan limit) => _requests?.Drain(limit) ?? true;

    /// <summary>Ends it; nothing is submitted any more. Requests in flight are completed without a callback.</summary>
    public void Dispose()
    {
        _throttle?.Dispose();
        _requests?.Dispose();
        _bounces.Dispose();
    }

    /// <summary>The host has answered.</summary>
    internal void Continue(BlockRequest request)
    {
        int result = request.Io.Result;
        if (result is Again or Interrupted && request.Retries++ < MostRetries)
        {
            Issue(request);
            return;
        }

        switch (request.Step)
        {
            case IoOperation.Read or IoOperation.Write:
                Moved(request, result);
                break;
            case IoOperation.WriteZeroes when result is NotSupported or NoTerminal:
                request.Step = request.MayUnmap && _disk.Discards ? IoOperation.Discard : IoOperation.Write;
                Issue(request);
                break;
            case IoOperation.Discard when result is NotSupported or NoTerminal:
                WithoutDiscard(request);
                break;
            default:
                End(request, result, request.Step != IoOperation.Flush);
                break;
        }
    }

    private void WithoutDiscard(BlockRequest request)
    {
        if (request.Operation == IoOperation.WriteZeroes)
        {
            request.Step = IoOperation.Write;
            Issue(request);
        }
        else
        {
            Finish(request, 0);
        }
    }

    private void Moved(BlockRequest request, int result)
    {
        if (request.Bounce is { } bounce)
        {
            result = bounce.Moved(request, result);
        }

        if (result < 0)
        {
            Finish(request, result);
            return;
        }

        if (result == 0 && request.Step == IoOperation.Read)
        {
            // The file ends within the disk's last sector, or another program has cut it.
            Finish(request, TryClear(request.Io) ? 0 : -VectorIo.BadAddress);
            return;
        }

        if (result == 0)
        {
            Finish(request, NoSpace);
            return;
        }

        request.Done += result;
        if (request.Done >= request.Length)
        {
            End(request, 0, mayNeedFlush: true);
            return;
        }

        if (request.Operation != IoOperation.WriteZeroes)
        {
            request.Io.Skip((ulong)result);
        }

        Issue(request);
    }

    /// <summary>A step has ended: a durable one is followed by a flush.</summary>
    private void End(BlockRequest request, int result, bool mayNeedFlush)
    {
        if (result >= 0 && mayNeedFlush && request.IsDurable && request.Operation is IoOperation.Write or IoOperation.WriteZeroes && !_disk.IgnoresFlush)
        {
            request.Step = IoOperation.Flush;
            Issue(request);
            return;
        }

        Finish(request, Math.Min(result, 0));
    }

    private void Issue(BlockRequest request)
    {
        if (_requests is null || IsNothingToDo(request))
        {
            Finish(request, _image.ReadsZeroes && request.Operation == IoOperation.Read && !TryClear(request.Io) ? -VectorIo.BadAddress : 0);
            return;
        }

        if (!TryIssue(request))
        {
            _waiting.Add(request);
        }
    }

    private bool IsNothingToDo(BlockRequest request) => request.Step switch
    {
        IoOperation.Flush => _disk.IgnoresFlush,
        IoOperation.Discard => !_disk.Discards,
        _ => request.Length == 0,
    };

    private bool TryIssue(BlockRequest request)
    {
        long offset = _disk.Offset + request.Offset + request.Done;
        long left = request.Length - request.Done;
        if (request.Step is IoOperation.Read or IoOperation.Write)
        {
            if (request.Operation == IoOperation.WriteZeroes)
            {
                _bounces.AddZeros(request.Io, left);
            }
            else if (request.Bounce is not null || !IsAligned(request.Io))
            {
                return TryIssueBounced(request, offset, left);
            }
        }

        return _requests!.TrySubmit(request.Io, request.Step, _image.File!, offset, left);
    }

    private bool TryIssueBounced(BlockRequest request, long offset, long left)
    {
        request.Bounce ??= _bounces.TryTake(request);
        if (request.Bounce is not { } bounce)
        {
            return false;
        }

        if (!bounce.TryFill(request, left))
        {
            Finish(request, -VectorIo.BadAddress);
            return true;
        }

        return _requests!.TrySubmit(bounce.Io, request.Step, _image.File!, offset, 0);
    }

    private bool IsAligned(IoRequest io)
    {
        if (_image.MemoryAlignment == 1)
        {
            return true;
        }

        nuint mask = _image.MemoryAlignment - 1;
        foreach (var buffer in io.Buffers.AsSpan(0, io.BufferCount))
        {
            if ((((nuint)buffer.Base | buffer.Length) & mask) != 0)
            {
                return false;
            }
        }

        return true;
    }

    private void Finish(BlockRequest request, int result)
    {
        if (request.Bounce is { } bounce)
        {
            request.Bounce = null;
            _bounces.Return(bounce);
        }

        _disk.Statistics.Ended(request.Operation, request.Length, request.Began, result < 0);
        request.Complete(result is NotSupported ? IoError : result);
    }

    /// <summary>There is room again.</summary>
    private void ServeWaiting()
    {
        while (_waiting.First is { } request && TryIssue(request))
        {
            _waiting.RemoveFirst();
        }
    }

    private static bool TryClear(IoRequest io)
    {
        try
        {
            foreach (var buffer in io.Buffers.AsSpan(0, io.BufferCount))
            {
                MemoryCopy.Clear(buffer.Base, buffer.Length);
            }

            return true;
        }
        catch (PosixException)
        {
            return false;
        }
    }
}
