// How long each step of a handover took. Both processes read CLOCK_MONOTONIC, which is one clock for the whole host, so
// instants from the two can be subtracted; what travels in the last message are nanoseconds on that clock.

using Vmm.Core.Machines;

namespace Vmm.Migration.Handover;

/// <summary>The account of one handover, in microseconds.</summary>
public sealed record HandoverTimes
{
    /// <summary>From the cpr channel's opening to the new process being ready, the guest running.</summary>
    public ulong Prepare { get; set; }

    /// <summary>Of that, touching RAM ahead.</summary>
    public ulong Prefault { get; set; }

    /// <summary>From the quiescing of the back ends until every vCPU was out of the guest, its state captured.</summary>
    public ulong Kick { get; set; }

    /// <summary>From the decision to stop until the back ends were quiesced.</summary>
    public ulong Drain { get; set; }

    /// <summary>Of that, each device or back end that took longer than 100 us; the old process knows them.</summary>
    public IReadOnlyList<SlowQuiesce> Drains { get; set; } = [];

    /// <summary>Putting the state into bytes.</summary>
    public ulong Save { get; set; }

    /// <summary>From the first byte sent to the last byte received.</summary>
    public ulong Send { get; set; }

    /// <summary>Reading the state and giving it to the hypervisor.</summary>
    public ulong Load { get; set; }

    /// <summary>The compare-and-swap, and what must directly precede it.</summary>
    public ulong Take { get; set; }

    /// <summary>From the take until the vCPUs were released.</summary>
    public ulong Resume { get; set; }

    /// <summary>The guest's whole pause: from the decision to stop until the vCPUs were released in the new process.</summary>
    public ulong Pause { get; set; }

    /// <summary>Garbage collections of this process while the guest was stopped; not a time, and 0 unless something is wrong.</summary>
    public uint Collections { get; set; }

    /// <summary>Every phase with its name and its microseconds, in the order of time. Those of the pause add up to it.</summary>
    internal IEnumerable<(string Name, ulong Microseconds)> Phases =>
    [
        ("prepare", Prepare), ("prefault", Prefault), ("drain", Drain), ("kick", Kick), ("save", Save), ("send", Send),
        ("load", Load), ("take", Take), ("resume", Resume),
    ];

    /// <summary>Now, in nanoseconds of CLOCK_MONOTONIC.</summary>
    internal static ulong Now => Instant.Now;

    /// <summary>Microseconds from one instant to a later one.</summary>
    internal static ulong Between(ulong from, ulong to) => to > from ? (to - from) / 1000 : 0;

    /// <summary>Fills in the pause from what both processes saw of it.</summary>
    internal void Account(PauseInstants old, ArrivalInstants arrival)
    {
        Account(old);
        Send = Between(old.Saved, arrival.Received);
        Load = Between(arrival.Received, arrival.Applied);
        Take = Between(arrival.Applied, arrival.Taken);
        Resume = Between(arrival.Taken, arrival.Running);
        Pause = Between(old.Begin, arrival.Running);
    }

    /// <summary>Fills in what the old process knows by itself.</summary>
    internal void Account(PauseInstants old)
    {
        Drain = Between(old.Begin, old.Quiesced);
        Kick = Between(old.Quiesced, old.Stopped);
        Save = Between(old.Stopped, old.Saved);
    }

    /// <summary>The split in one line for the log and for the operator.</summary>
    public override string ToString() =>
        $"pause {Pause} us (drain {Drain}{string.Concat(Drains.Select(slow => $" ({slow.Name} {slow.Microseconds})"))}, kick {Kick}, save {Save}, send {Send}, load {Load}, take {Take}, resume {Resume}), "
        + $"prepare {Prepare} us of which prefault {Prefault}";
}
