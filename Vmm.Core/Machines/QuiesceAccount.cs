namespace Vmm.Core.Machines;

/// <summary>Times devices and back ends as they are quiesced one after the other, and keeps those that took long; allocates nothing for the others.</summary>
internal struct QuiesceAccount
{
    /// <summary>Nanoseconds; what takes less is not worth a name in the account of an update.</summary>
    private const ulong SlowFrom = 100_000;

    private List<SlowQuiesce>? _slow;
    private ulong _begin = Instant.Now;

    public QuiesceAccount()
    {
    }

    /// <summary>Those that took longer than 100 us.</summary>
    internal readonly IReadOnlyList<SlowQuiesce> Slow => _slow ?? (IReadOnlyList<SlowQuiesce>)[];

    /// <summary>Quiesces all of a kind.</summary>
    internal void Quiesce<T>(IReadOnlyList<T> all, Action<T> quiesce, Func<T, string> name)
    {
        for (int i = 0; i < all.Count; i++)
        {
            quiesce(all[i]);
            Note(all[i], name);
        }
    }

    /// <summary>One is quiesced.</summary>
    internal void Note<T>(T quiesced, Func<T, string> name)
    {
        ulong end = Instant.Now;
        if (end - _begin >= SlowFrom)
        {
            (_slow ??= []).Add(new SlowQuiesce(name(quiesced), (end - _begin) / 1000));
        }

        _begin = end;
    }
}
