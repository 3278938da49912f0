using Vmm.Core.Loop;

namespace Vmm.Core.Backends.Block;

/// <summary>A request for a disk, made once and used again and again. Only the thread that serves the disk touches it.</summary>
public sealed class BlockRequest
{
    private readonly Action<BlockRequest> _completed;

    /// <summary>Creates an idle one.</summary>
    /// <param name="mostBuffers">How many buffers it may have.</param>
    /// <param name="completed">Called on the thread that serves the disk when <see cref="Result"/> is there. It may come before Submit returns.</param>
    public BlockRequest(int mostBuffers, Action<BlockRequest> completed)
    {
        ArgumentNullException.ThrowIfNull(completed);
        _completed = completed;
        Io = new IoRequest(mostBuffers, _ => Queue!.Continue(this));
    }

    /// <summary>What it does.</summary>
    public IoOperation Operation { get; private set; }

    /// <summary>Where on the disk, in bytes.</summary>
    public long Offset { get; private set; }

    /// <summary>How many bytes; for reads and writes the length of its buffers together.</summary>
    public long Length { get; private set; }

    /// <summary>0, or a negative error number.</summary>
    public int Result { get; private set; }

    /// <summary>Whether a write is complete only when the medium has it.</summary>
    public bool IsDurable { get; private set; }

    /// <summary>Whether zeros may be written by giving the range's space back.</summary>
    public bool MayUnmap { get; private set; }

    internal IoRequest Io { get; }

    internal BlockQueue? Queue { get; set; }

    /// <summary>The next of those that wait.</summary>
    internal BlockRequest? Next { get; set; }

    /// <summary>What the host is asked for now: a write of zeros may be done in another way, and a durable write ends in a flush.</summary>
    internal IoOperation Step { get; set; }

    /// <summary>How many bytes are done.</summary>
    internal long Done { get; set; }

    /// <summary>How often the host has asked to try again.</summary>
    internal int Retries { get; set; }

    /// <summary>When the turn began in which it was submitted, in ticks of the stopwatch.</summary>
    internal long Began { get; set; }

    /// <summary>The buffer that stands for the request's own where those are not aligned.</summary>
    internal BounceBuffer? Bounce { get; set; }

    /// <summary>Makes it a new request, without buffers.</summary>
    public void Begin(IoOperation operation, long offset, long length, bool isDurable = false, bool mayUnmap = false)
    {
        Io.Clear();
        (Operation, Step, Offset, Length, IsDurable, MayUnmap) = (operation, operation, offset, length, isDurable, mayUnmap);
        (Done, Retries, Result) = (0, 0, 0);
    }

    /// <summary>Says what is done with the buffers that were added.</summary>
    public void Retarget(IoOperation operation, long offset, long length, bool isDurable)
    {
        (Operation, Step, Offset, Length, IsDurable) = (operation, operation, offset, length, isDurable);
    }

    /// <summary>Adds a buffer; its memory stays mapped until the request is complete.</summary>
    /// <returns>False if there are too many.</returns>
    public bool TryAddBuffer(nint address, ulong length) => Io.TryAddBuffer(address, (nuint)length);

    internal void Complete(int result)
    {
        Result = result;
        _completed(this);
    }
}
