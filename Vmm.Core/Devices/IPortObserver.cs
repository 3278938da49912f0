namespace Vmm.Core.Devices;

/// <summary>Is told whether the guest's software has a port open, for management. Any thread, with any lock held: it never waits, and allocates nothing.</summary>
public interface IPortObserver
{
    /// <summary>The port is open or closed now; it may be what it was.</summary>
    void PortIs(bool open);
}
