namespace Vmm.Core.Loop;

/// <summary>What an <see cref="IoRequest"/> does.</summary>
public enum IoOperation
{
    /// <summary>Reads into the buffers.</summary>
    Read,

    /// <summary>Writes from the buffers.</summary>
    Write,

    /// <summary>Has what was written before on the medium.</summary>
    Flush,

    /// <summary>Gives the range's space back; it reads as zeros. EOPNOTSUPP where the file system cannot.</summary>
    Discard,

    /// <summary>Fills the range with zeros, which keep their space. EOPNOTSUPP where the file system cannot.</summary>
    WriteZeroes,
}
