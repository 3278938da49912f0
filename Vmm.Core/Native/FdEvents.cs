namespace Vmm.Core.Native;

/// <summary>What a descriptor can be ready for; the values of poll(2) and epoll(7).</summary>
[Flags]
public enum FdEvents
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Data to read, a connection to accept, or the end of a stream.</summary>
    In = 0x001,

    /// <summary>Room to write.</summary>
    Out = 0x004,

    /// <summary>An error; always reported.</summary>
    Error = 0x008,

    /// <summary>The other side has closed; always reported.</summary>
    HangUp = 0x010,

    /// <summary>Nothing more will come: the other side has shut down its sending, or another process this socket's receiving.</summary>
    ReadEnd = 0x2000,
}
