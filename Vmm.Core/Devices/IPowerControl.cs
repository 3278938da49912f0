// What a guest can ask for by way of a device: a reset, power off, the end of the process. The machine decides what
// becomes of it (-no-reboot, -no-shutdown); the device only passes the request on.
//
// Called on vCPU threads in the middle of the guest's access: an implementation notes the request, kicks the loop or vCPU that must act,
// and returns. It does not wait, and does not allocate.

namespace Vmm.Core.Devices;

/// <summary>Takes the guest's requests about the machine as a whole.</summary>
public interface IPowerControl
{
    /// <summary>The guest wants the machine reset (cause guest-reset).</summary>
    void RequestReset();

    /// <summary>The guest switches the machine off (cause guest-shutdown).</summary>
    void RequestShutdown();

    /// <summary>The guest ends the process; for test guests.</summary>
    /// <param name="status">The exit status, of which the kernel keeps the low 8 bits.</param>
    void RequestExit(int status);
}
