// Where the random numbers of a guest come from.
//
// A device asks for bytes straight into the guest's memory: the kernel does the copying, so a page that it cannot provide is an
// error of that request and never a signal. A source may have nothing now; it is asked again later, and no thread waits in it.
// Nothing crosses a live update: the new process opens its own.

namespace Vmm.Core.Backends.Rng;

/// <summary>A source of random numbers. One thread at a time; asking allocates nothing.</summary>
public abstract class RngBackEnd : IDisposable
{
    /// <summary>What <see cref="Fill"/> answers where there is nothing now.</summary>
    public const int Later = 0;

    /// <summary>What <see cref="Fill"/> answers where the address cannot be written to.</summary>
    public const int NoMemory = -1;

    /// <summary>Writes random bytes to an address of this process.</summary>
    /// <param name="address">Where; a page there may be absent.</param>
    /// <param name="length">The most bytes, at least one.</param>
    /// <returns>How many were written, <see cref="Later"/> or <see cref="NoMemory"/>.</returns>
    public abstract int Fill(nint address, int length);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes what was opened.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}
