namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>One process, and the part of an update in which its calls are struck.</summary>
/// <param name="Name">In a few words.</param>
/// <param name="IsNews">Whether the process is the new one.</param>
/// <param name="BatonState">The state of the baton that opens the window; 0 when it is open all the time.</param>
internal sealed record CallWindow(string Name, bool IsNews, int BatonState)
{
    /// <summary>New owns the guest, until it is at rest.</summary>
    internal static readonly CallWindow NewAfterTake = new("new, from the take", true, 3);

    /// <summary>Old has offered the guest, until it has ended its part.</summary>
    internal static readonly CallWindow OldAfterOffer = new("old, from the offer", false, 2);

    /// <summary>Everything that new does from the command to its rest.</summary>
    internal static readonly CallWindow WholeOfNew = new("new, whole update", true, 0);

    /// <summary>Everything that old does from the command to its rest.</summary>
    internal static readonly CallWindow WholeOfOld = new("old, whole update", false, 0);

    /// <summary>All of them.</summary>
    internal static IReadOnlyList<CallWindow> All { get; } = [NewAfterTake, OldAfterOffer, WholeOfNew, WholeOfOld];

    /// <summary>Whether whatever happens in it leaves the guest in new.</summary>
    internal bool IsNewsGuest => this == NewAfterTake;

    /// <summary>Whether it is open from the command on.</summary>
    internal bool IsWhole => BatonState == 0;

    /// <inheritdoc/>
    public override string ToString() => Name;
}
