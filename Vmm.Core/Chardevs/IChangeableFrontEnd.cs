namespace Vmm.Core.Chardevs;

/// <summary>A front end whose back end can be changed while the guest uses it (chardev-change).</summary>
public interface IChangeableFrontEnd : IChardevFrontEnd
{
    /// <summary>
    /// It has another back end from now on, and uses no other. Called with the gate held, which is that of both back ends. What follows is
    /// <see cref="IChardevFrontEnd.PeerChanged"/>, if the peer is not there any more or is there now, and <see cref="IChardevFrontEnd.OutputReady"/>.
    /// </summary>
    void BackEndChanged(Chardev backEnd);
}
