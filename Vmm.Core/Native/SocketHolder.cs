namespace Vmm.Core.Native;

/// <summary>What the kernel says of the socket that has a name.</summary>
internal enum SocketHolder
{
    /// <summary>A process has it open.</summary>
    Process,

    /// <summary>It was left behind: no process has it open.</summary>
    None,

    /// <summary>There is no such name, or not any more.</summary>
    NoSocket,

    /// <summary>The kernel does not report it.</summary>
    Unknown,
}
