using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;

namespace Vmm.Tests.Unit.Migration;

/// <summary>A part of the process with one descriptor that crosses, and with failures on demand.</summary>
/// <param name="handle">The descriptor; null in a process that is to get it.</param>
internal sealed class FakeDescriptorOwner(SafeFileHandle? handle) : IDescriptorOwner
{
    internal const string Name = "test/log";

    private SafeFileHandle? _prepared;

    /// <summary>Why it refuses what came, before the pause.</summary>
    internal string? Reason { get; init; }

    /// <summary>What it throws after the take.</summary>
    internal Exception? AdoptFails { get; init; }

    /// <summary>Called after the take, the vCPUs already started.</summary>
    internal Action? Adopting { get; init; }

    /// <summary>What it throws when the guest was handed over.</summary>
    internal Exception? ReleaseFails { get; init; }

    internal SafeFileHandle? Handle { get; private set; } = handle;

    /// <summary>Completes when what came for it is closed, because the guest stayed where it was.</summary>
    internal TaskCompletionSource Dropped { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>
    /// What it was notified of when the guest was handed over: whether its descriptor was taken over; null where that was not known, or it was
    /// not notified.
    /// </summary>
    internal bool? WasTaken { get; private set; }

    internal bool IsReleased { get; private set; }

    public IEnumerable<HandoverDescriptor> HandoverDescriptors => Handle is null ? [] : [new HandoverDescriptor(Name, Handle)];

    public IReadOnlyList<string> Prepare(HandedOverDescriptors handedOver)
    {
        _prepared = handedOver.Claim(Name);
        return Reason is null ? [] : [Reason];
    }

    public void Adopt()
    {
        Adopting?.Invoke();
        Handle = AdoptFails is null ? _prepared : throw AdoptFails;
    }

    public void Drop()
    {
        _prepared?.Dispose();
        Dropped.TrySetResult();
    }

    public void Release(Func<string, bool?> wasTaken)
    {
        IsReleased = true;
        WasTaken = wasTaken(Name);
        Handle?.Dispose();
        if (ReleaseFails is not null)
        {
            throw ReleaseFails;
        }
    }
}
