namespace Vmm.Qmp.Sessions;

/// <summary>
/// Notified that a client asks for the end of the process before the machine loop, where the request is carried out, has got to the request: that
/// loop may be what is stuck. Any thread.
/// </summary>
public interface IEndWatch
{
    /// <summary>
    /// A client requests the end of the process, perhaps behind other requests: from now on the process has a limited time.
    /// </summary>
    void Requested();

    /// <summary>One such request was refused, or dropped with its client: unless there is another, the time is not limited any more.</summary>
    void Refused();
}
