using System.Runtime.InteropServices;
using Vmm.Core.Loop;

namespace Vmm.Tests.Unit.Devices.Virtio;

/// <summary>Requests that are carried out when the test says so, with the answer that it gives.</summary>
internal sealed class ManualRequests(int capacity) : IIoRequests
{
    private readonly List<(IoRequest Request, IoOperation Operation, long Offset, long Length)> _inFlight = [];

    private int _submitted;

    public int Capacity => capacity;

    public int InFlight => _inFlight.Count;

    public IoEngine Engine => IoEngine.Threads;

    public Action? RoundCompleted { get; set; }

    /// <summary>What is in flight, in the order in which it was submitted.</summary>
    internal IReadOnlyList<(IoRequest Request, IoOperation Operation, long Offset, long Length)> Submitted => _inFlight;

    /// <summary>Whether the host answers at once, before it is told to; every few times with an error or with less than it was asked for.</summary>
    internal bool AnswersAtOnce { get; init; }

    public bool TrySubmit(IoRequest request, IoOperation operation, SafeHandle file, long offset, long length = 0)
    {
        if (_inFlight.Count == capacity)
        {
            return false;
        }

        request.Begin(operation, file, offset, length);
        _inFlight.Add((request, operation, offset, length));
        if (AnswersAtOnce)
        {
            AnswerOne(_inFlight.Count - 1, (_submitted++ % 8) switch { 3 => -5, 5 => -28, 7 => -11, _ => null });
        }

        return true;
    }

    public bool Drain(TimeSpan limit) => _inFlight.Count == 0;

    public void Dispose()
    {
    }

    /// <summary>The host answers one request; null for what it was asked for.</summary>
    internal void Answer(int at = 0, int? result = null)
    {
        AnswerOne(at, result);
        RoundCompleted?.Invoke();
    }

    /// <summary>The host answers all requests, those too that follow from them, in one round.</summary>
    internal void AnswerAll()
    {
        while (_inFlight.Count > 0)
        {
            AnswerOne(0, null);
        }

        RoundCompleted?.Invoke();
    }

    private void AnswerOne(int at, int? result)
    {
        var (request, operation, offset, length) = _inFlight[at];
        _inFlight.RemoveAt(at);
        request.End(result ?? Perform(request, operation, offset, length));
        request.CallBack();
    }

    private static int Perform(IoRequest request, IoOperation operation, long offset, long length) => operation switch
    {
        IoOperation.Flush => Core.Native.VectorIo.SyncData(request.File!),
        IoOperation.Discard or IoOperation.WriteZeroes => Core.Native.VectorIo.AllocateRange(request.File!, request.AllocateMode, offset, length),
        _ => Core.Native.VectorIo.Transfer(request.File!, request.Buffers, request.BufferCount, offset, operation == IoOperation.Write),
    };
}
