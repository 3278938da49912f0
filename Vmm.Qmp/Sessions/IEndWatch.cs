namespace Vmm.Qmp.Sessions;

/// <summary>
/// Is told that a client asks for the end of the process before the machine loop, where the request is carried out, has got to it: that loop
/// may be what is stuck. Any thread.
/// </summary>
public interface IEndWatch
{
    /// <summary>A request for the end is about to be carried out: from now on the process has a limited time.</summary>
    void Asked();

    /// <summary>The request was refused: the process goes on.</summary>
    void Refused();
}
