namespace Vmm.Tests.Faults;

/// <summary>Who has the guest when all is over.</summary>
internal enum Owner
{
    /// <summary>It never left.</summary>
    Old,

    /// <summary>It has gone over.</summary>
    New,

    /// <summary>No process: the one that held the baton died, and the guest with it.</summary>
    Nobody,
}

/// <summary>What becomes of a process that does not have the guest.</summary>
internal enum Rest
{
    /// <summary>It has the guest.</summary>
    Owns,

    /// <summary>It lives and says how the migration ended.</summary>
    Reports,

    /// <summary>It keeps waiting for a guest.</summary>
    Waits,

    /// <summary>It exits with status 1 and a reason.</summary>
    Exits,

    /// <summary>It was killed.</summary>
    Killed,
}

/// <summary>What must come of a fault at a boundary.</summary>
/// <param name="Owner">Who has the guest.</param>
/// <param name="Old">What becomes of the old process.</param>
/// <param name="New">What becomes of the new process.</param>
/// <param name="Status">The migration's end as old reports it; null when old cannot report.</param>
/// <param name="Reason">What old's error-desc must match; null when there must be none.</param>
/// <param name="WhyNot">Why this fault cannot happen at this boundary; null when it can.</param>
internal sealed record Outcome(Owner Owner, Rest Old, Rest New, string? Status, string? Reason, string? WhyNot = null)
{
    /// <summary>The update failed: the guest runs on in old, which says why.</summary>
    internal static Outcome Stays(Rest successor, string reason) => new(Owner.Old, Rest.Owns, successor, "failed", reason);

    /// <summary>The update was called off: the guest runs on in old.</summary>
    internal static Outcome CalledOff(Rest successor) => new(Owner.Old, Rest.Owns, successor, "cancelled", null);

    /// <summary>The guest is in new. If the news of it was lost, old knows from the baton and says what is missing.</summary>
    internal static Outcome Goes(string? reason = null) => new(Owner.New, Rest.Reports, Rest.Owns, "completed", reason);

    /// <summary>The guest is in new; old is dead.</summary>
    internal static Outcome OwnedAlone() => new(Owner.New, Rest.Killed, Rest.Owns, null, null);

    /// <summary>Old died and the guest was its.</summary>
    internal static Outcome LostWithOld(Rest successor) => new(Owner.Nobody, Rest.Killed, successor, null, null);

    /// <summary>New died and the guest was its; old knows.</summary>
    internal static Outcome LostWithNew(string? reason) => new(Owner.Nobody, Rest.Reports, Rest.Killed, "completed", reason);

    /// <summary>There is nothing that this fault could strike here.</summary>
    internal static Outcome CannotHappen(string why) => new(Owner.Old, Rest.Owns, Rest.Waits, null, null, why);

    /// <summary>For the page.</summary>
    public override string ToString() => (Owner, Status, New) switch
    {
        _ when WhyNot is not null => $"cannot happen: {WhyNot}",
        (Owner.Nobody, null, _) => $"lost with old, which held the baton; new {Text(New)} and does nothing",
        (Owner.Nobody, _, _) => "lost with new, which held the baton; old says so and does nothing",
        (Owner.Old, "cancelled", _) => $"old; cancelled; new {Text(New)}",
        (Owner.Old, _, _) => $"old, which says why; new {Text(New)}",
        (_, null, _) => "new; old is dead",
        _ when Reason is not null => "new; old says that the news was lost",
        _ => "new",
    };

    private static string Text(Rest rest) => rest switch
    {
        Rest.Waits => "keeps waiting",
        Rest.Exits => "exits with the reason",
        Rest.Killed => "is dead",
        _ => throw new ArgumentOutOfRangeException(nameof(rest), rest, "no fate of a process without the guest"),
    };
}
