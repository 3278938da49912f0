namespace Vmm.Qmp.Sessions;

/// <summary>Where a monitor's clients come from, one after the other. I/O loop only, except where noted.</summary>
public interface IConnectionSource : IDisposable
{
    /// <summary>The next client; null when there will be none. The next call is made when the former client's session has ended.</summary>
    Task<Connection?> AcceptAsync(Vmm.Core.Loop.EventLoop io);

    /// <summary>Leaves clients that come where they are, until <see cref="Continue"/>. One that is there from the start is no such client.</summary>
    void Hold()
    {
    }

    /// <summary>Accepts again, where it did before.</summary>
    void Continue()
    {
    }
}
