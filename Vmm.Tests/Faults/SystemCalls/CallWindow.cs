namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>One process, or one program of it, and the part of an update in which its calls are struck.</summary>
/// <param name="Name">In a few words.</param>
/// <param name="IsNews">Whether the process is the new one.</param>
/// <param name="BatonState">The state of the baton that opens the window; 0 when it is open all the time.</param>
/// <param name="Whose">Of an update by exec, the program whose calls are struck, as the injector names it; null of one between two processes.</param>
internal sealed record CallWindow(string Name, bool IsNews, int BatonState, string? Whose = null)
{
    /// <summary>New owns the guest, until it is at rest.</summary>
    internal static readonly CallWindow NewAfterTake = new("new, from the take", true, 3);

    /// <summary>Old has offered the guest, until it has ended its part.</summary>
    internal static readonly CallWindow OldAfterOffer = new("old, from the offer", false, 2);

    /// <summary>Everything that new does from the command to its rest.</summary>
    internal static readonly CallWindow WholeOfNew = new("new, whole update", true, 0);

    /// <summary>Everything that old does from the command to its rest.</summary>
    internal static readonly CallWindow WholeOfOld = new("old, whole update", false, 0);

    /// <summary>The program that has the guest, from the command to exec.</summary>
    internal static readonly CallWindow ExecOld = new("exec: old", false, 0, "0.1");

    /// <summary>The child that is asked whether it would take the guest, from its start to its end.</summary>
    internal static readonly CallWindow ExecAsked = new("exec: the new program, asked", false, 0, "1.1");

    /// <summary>The child that keeps the guest, from its start to its end.</summary>
    internal static readonly CallWindow ExecKeeper = new("exec: the keeper", false, 0, "2.1");

    /// <summary>The program that has replaced old, from exec to its rest.</summary>
    internal static readonly CallWindow ExecNew = new("exec: new", false, 0, "0.2");

    /// <summary>One that cannot have the guest, from exec to the exec by which it goes back.</summary>
    internal static readonly CallWindow ExecFailing = new("exec: a new program that goes back", false, 0, "0.2") { GoesBack = true };

    /// <summary>The program before, from that exec to its rest.</summary>
    internal static readonly CallWindow ExecReturned = new("exec: old, gone back to", false, 0, "0.3") { GoesBack = true };

    /// <summary>Those of an update between two processes.</summary>
    internal static IReadOnlyList<CallWindow> Transfer { get; } = [NewAfterTake, OldAfterOffer, WholeOfNew, WholeOfOld];

    /// <summary>Those of an update by exec.</summary>
    internal static IReadOnlyList<CallWindow> Exec { get; } = [ExecOld, ExecAsked, ExecKeeper, ExecNew, ExecFailing, ExecReturned];

    /// <summary>All of them.</summary>
    internal static IReadOnlyList<CallWindow> All { get; } = [.. Transfer, .. Exec];

    /// <summary>Whether whatever happens in it leaves the guest in new.</summary>
    internal bool IsNewsGuest => this == NewAfterTake;

    /// <summary>Whether it is open from the command on.</summary>
    internal bool IsWhole => BatonState == 0;

    /// <summary>Whether the update is one by exec.</summary>
    internal bool IsExec => Whose is not null;

    /// <summary>Whether the new program answers that it would take the guest, and cannot when it is its turn.</summary>
    internal bool GoesBack { get; private init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
