// The host's end of a network cable, with one queue for each pair of queues of its device.
//
//     create (touches nothing)  -->  open, or adopt what came  -->  start  <-->  quiesce  -->  export, save  -->  start, or release
//
// What moves frames is its queues, on the I/O thread of the device; the back end itself belongs to the machine loop: it opens, reconnects, crosses a live
// update. A frame that the host has queued stays with the host over an update; what a back end has read and not given to its device is its state.
// A new process changes nothing of a descriptor that it adopts, and reads none before it owns the guest.

using Vmm.Core.Descriptors;
using Vmm.Core.State;

namespace Vmm.Core.Backends.Net;

/// <summary>A network back end. Machine loop only, except its queues.</summary>
public abstract class NetBackEnd : IDisposable
{
    /// <summary>Creates it; nothing is opened yet.</summary>
    /// <param name="configuration">What it is to be.</param>
    protected NetBackEnd(NetdevConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        Configuration = configuration;
    }

    /// <summary>What it was made from.</summary>
    public NetdevConfiguration Configuration { get; }

    /// <summary>Its id.</summary>
    public string Id => Configuration.Id;

    /// <summary>How many pairs of queues it has, one to receive and one to send.</summary>
    public abstract int QueueCount { get; }

    /// <summary>
    /// Whether a frame begins with a virtio-net header of 12 bytes, by which guest and host leave checksums and segmentation to each other. Fixed once it
    /// is open or adopted.
    /// </summary>
    public abstract bool HasHeaders { get; }

    /// <summary>What it is, as "info network" shows it after the id: "type=tap,ifname=tap0".</summary>
    public abstract string Description { get; }

    /// <summary>Its state; null if it has none.</summary>
    public virtual IStateful? State => null;

    /// <summary>Whether the cable is plugged in at the host's end: a stream without a peer is not.</summary>
    public virtual bool IsConnected => true;

    /// <summary>Called when <see cref="IsConnected"/> may have changed; on the machine loop. One device has it.</summary>
    public Action? ConnectionChanged { get; set; }

    /// <summary>Opens it, for a guest that boots here.</summary>
    /// <exception cref="NetException">The host refuses, or what is there is not what was asked for.</exception>
    public abstract void Open();

    /// <summary>Takes over what the guest has in the old process, which still uses it: looks at it, changes nothing, reads nothing.</summary>
    /// <param name="handedOver">What came.</param>
    /// <exception cref="NetException">A descriptor is missing, or is not what its name says.</exception>
    public abstract void Adopt(HandedOverDescriptors handedOver);

    /// <summary>What the next process will need. The back end keeps running until <see cref="Quiesce"/>, but these descriptors stay open until <see cref="Start"/> or <see cref="Release"/>.</summary>
    public abstract IEnumerable<HandoverDescriptor> Export();

    /// <summary>One of its queues.</summary>
    /// <param name="pair">Which, from 0.</param>
    public abstract NetQueue QueueAt(int pair);

    /// <summary>
    /// The guest's driver says what it completes itself of the frames that it receives. Only a back end with headers can leave that to it. It is the
    /// host's from then on, and crosses an update with what the host has. I/O thread of the device.
    /// </summary>
    /// <returns>False if the host refuses; then it is as it was.</returns>
    public virtual bool TrySetOffloads(NetOffloads offloads) => offloads == NetOffloads.None;

    /// <summary>
    /// The guest's driver says how many of the pairs of queues it serves, the first ones: no frame is to be put into another. Without effect where that is
    /// so already. I/O thread of the device.
    /// </summary>
    /// <param name="pairs">From 1 to <see cref="QueueCount"/>.</param>
    /// <returns>False if the host refuses one of them.</returns>
    public virtual bool TrySetActiveQueues(int pairs) => true;

    /// <summary>The guest is here: what it does by itself, as reconnecting, begins.</summary>
    public virtual void Start()
    {
    }

    /// <summary>When this returns, it does nothing by itself until <see cref="Start"/>.</summary>
    public virtual void Quiesce()
    {
    }

    /// <summary>The guest continues in another process: closes everything, and undoes nothing on the host.</summary>
    public abstract void Release();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>The machine ends: closes everything, and undoes on the host what was done for it.</summary>
    protected abstract void Dispose(bool disposing);
}
