using System.Runtime.InteropServices;

namespace Vmm.Core.Loop;

/// <summary>A bounded number of requests for files, whose completions come on an <see cref="IoThread"/>.</summary>
public interface IIoRequests : IDisposable
{
    /// <summary>How many can be in flight.</summary>
    int Capacity { get; }

    /// <summary>How many are in flight. On the thread.</summary>
    int InFlight { get; }

    /// <summary>By what they are carried out.</summary>
    IoEngine Engine { get; }

    /// <summary>
    /// Called on the thread after the completions of a round: what they changed may be published once. Allocates nothing. Set before the first request.
    /// </summary>
    Action? RoundCompleted { get; set; }

    /// <summary>
    /// Submits a request. On the thread; it allocates nothing and never waits for the file. Requests that are in flight together are carried out in
    /// any order.
    /// </summary>
    /// <param name="request">It belongs to the host until it is complete.</param>
    /// <param name="operation">What to do.</param>
    /// <param name="file">The file or block device; kept open until the request is complete.</param>
    /// <param name="offset">Where in the file.</param>
    /// <param name="length">How many bytes to discard or to fill with zeros; the others have buffers.</param>
    /// <returns>False while <see cref="Capacity"/> requests are in flight: submit it again when one is complete.</returns>
    bool TrySubmit(IoRequest request, IoOperation operation, SafeHandle file, long offset, long length = 0);

    /// <summary>Waits until nothing is in flight. Any thread but the I/O thread; what submits is stopped before.</summary>
    /// <param name="limit">How long to wait.</param>
    /// <returns>Whether everything is complete and was called back.</returns>
    bool Drain(TimeSpan limit);
}
