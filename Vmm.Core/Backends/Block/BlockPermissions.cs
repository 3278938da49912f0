namespace Vmm.Core.Backends.Block;

/// <summary>What a user of an image does with it, and what it lets others do: QEMU's permissions, whose numbers decide which bytes are locked.</summary>
[Flags]
public enum BlockPermissions
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Reads, and what it reads does not change by itself.</summary>
    ConsistentRead = 1,

    /// <summary>Writes.</summary>
    Write = 2,

    /// <summary>Writes what is there already.</summary>
    WriteUnchanged = 4,

    /// <summary>Changes the size.</summary>
    Resize = 8,

    /// <summary>All of them.</summary>
    All = ConsistentRead | Write | WriteUnchanged | Resize,
}
