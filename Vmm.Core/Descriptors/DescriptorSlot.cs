// One descriptor that crosses a live update: a chardev's file, a monitor's listening socket, the log. They all cross in the same way. The process
// that has the guest exports it under its name. The next one claims what came under that name and examines it, for it may be anything that
// another program put there: what is unfit is closed, and is a reason to refuse the guest. What is fit waits here until its owner takes it, at
// once or when the guest is here; if the guest stays where it is, it is closed.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vmm.Core.Descriptors;

/// <summary>The name under which a descriptor crosses, and the descriptor that came under it. Not thread-safe.</summary>
/// <param name="name">Its name in both processes: "chardev/serial0/file".</param>
/// <param name="whyUnfit">Examines a descriptor: why it cannot be used, or null. See <see cref="DescriptorKind"/>.</param>
public sealed class DescriptorSlot(string name, Func<SafeFileHandle, string?> whyUnfit)
{
    /// <summary>What came and was not taken yet; it stays the slot's.</summary>
    public SafeFileHandle? Received { get; private set; }

    /// <summary>The name.</summary>
    public string Name => name;

    /// <summary>For the next process: the descriptor that is in use here, which stays its owner's. Nothing where there is none.</summary>
    public IReadOnlyList<HandoverDescriptor> Export(SafeHandle? handle) => handle is null ? [] : [new HandoverDescriptor(name, handle)];

    /// <summary>Claims what came under the name. Changes nothing about it.</summary>
    /// <param name="handedOver">What came.</param>
    /// <param name="isWanted">Whether a descriptor is the one that this process would use; another stays unclaimed. Null wants each.</param>
    /// <returns>Whether it is here, to be taken.</returns>
    /// <exception cref="UnfitDescriptorException">It is not what its name says; it is closed.</exception>
    public bool Prepare(HandedOverDescriptors handedOver, Func<SafeFileHandle, bool>? isWanted = null)
    {
        ArgumentNullException.ThrowIfNull(handedOver);
        Drop();
        Received = isWanted is null ? handedOver.Claim(name) : handedOver.Claim(name, isWanted);
        if (Received is null)
        {
            return false;
        }

        try
        {
            return whyUnfit(Received) is { } reason ? throw new UnfitDescriptorException(name, reason) : true;
        }
        catch
        {
            Drop();
            throw;
        }
    }

    /// <summary>Claims what came under the name, and takes it.</summary>
    /// <returns>The descriptor, to be owned by the caller; null where none came.</returns>
    /// <inheritdoc cref="Prepare"/>
    public SafeFileHandle? Claim(HandedOverDescriptors handedOver) => Prepare(handedOver) ? Take() : null;

    /// <summary>Takes what was prepared, to be owned by the caller; null where there is none.</summary>
    public SafeFileHandle? Take()
    {
        var taken = Received;
        Received = null;
        return taken;
    }

    /// <summary>Closes what was prepared and not taken.</summary>
    public void Drop()
    {
        Received?.Dispose();
        Received = null;
    }
}
