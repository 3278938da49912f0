namespace Vmm.Qmp.Sessions;

/// <summary>
/// Notified that a client asks for the end of the process before the machine loop, where the request is carried out, has got to it: that loop
/// may be what is stuck. Any thread.
/// </summary>
public interface IEndWatch
{
    /// <summary>
    /// A client asks for the end, be it that requests before this one are to be carried out first: from now on the process has a limited time.
    /// </summary>
    void Requested();

    /// <summary>One such request was refused, or dropped with its client: without another the process has all the time again.</summary>
    void Refused();
}
