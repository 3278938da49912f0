using System.Runtime.InteropServices;

namespace Vmm.Core.Hypervisors;

/// <summary>Writes of the guest that signal an eventfd and let the vCPU run on (ioeventfd).</summary>
public interface IDoorbells
{
    /// <summary>Has an eventfd signalled in place of a write of four bytes.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="value">The value that is meant; other values are still written to the device.</param>
    /// <param name="eventFd">The eventfd; closed only after what is returned is disposed.</param>
    /// <exception cref="HypervisorException">The host refused.</exception>
    IDisposable Bind(ulong address, uint value, SafeHandle eventFd);
}
