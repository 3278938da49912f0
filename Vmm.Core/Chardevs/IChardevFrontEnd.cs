namespace Vmm.Core.Chardevs;

/// <summary>
/// The guest's end of a chardev: a serial port, say. Every member is called with <see cref="Chardev.Gate"/> held, on the I/O loop or on a
/// thread that called into the chardev; a front end guards its own state with that same lock, so the two can never wait for each other.
/// </summary>
public interface IChardevFrontEnd
{
    /// <summary>Whether the guest's software uses it, which query-chardev reports as frontend-open. Any thread.</summary>
    bool IsOpen => true;

    /// <summary>How many bytes it can take now.</summary>
    int Room { get; }

    /// <summary>Takes input; never more than <see cref="Room"/> said.</summary>
    void Receive(ReadOnlySpan<byte> bytes);

    /// <summary>After <see cref="Chardev.Write"/> took less than it was given: it would take more now.</summary>
    void OutputReady();

    /// <summary>A peer has come to the other end of the back end, or is not there any more: each change once, while bytes flow.</summary>
    /// <param name="isThere">Whether one is there now; before the first call none is.</param>
    void PeerChanged(bool isThere)
    {
    }

    /// <summary><see cref="Chardev.Size"/> has changed, while bytes flow.</summary>
    void SizeChanged()
    {
    }

    /// <summary>A break on the line; nothing to a front end that knows none.</summary>
    void Break()
    {
    }
}
