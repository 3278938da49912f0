using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>A kind of fault: what is done to the two processes, and what must come of it at each boundary.</summary>
/// <param name="name">In a few words, for the page and for test names.</param>
internal abstract class Fault(string name)
{
    /// <summary>What is done.</summary>
    internal string Name { get; } = name;

    /// <summary>The time-outs of the old process, in milliseconds: short where one must pass, long where none may.</summary>
    internal virtual int OldTimeout => 10_000;

    /// <summary>The time-outs of the new process, in milliseconds.</summary>
    internal virtual int NewTimeout => 10_000;

    /// <summary>What the new process is started by, with its arguments; nothing for most.</summary>
    internal virtual IReadOnlyList<string> NewStartedBy => [];

    /// <summary>Options that only the new process is started with.</summary>
    internal virtual IReadOnlyList<string> NewOptions => [];

    /// <summary>What those options open.</summary>
    internal virtual IReadOnlyList<string> OnlyInNew => [];

    /// <summary>The names of the threads that those options take, one each.</summary>
    internal virtual IReadOnlyList<string> ThreadsOnlyInNew => [];

    /// <summary>Whether the guest may have been stopped by it, and waits for cont.</summary>
    internal virtual bool MayPause => false;

    /// <summary>Whether the guest may have been reset by it, and counts from 1 again.</summary>
    internal virtual bool MayRestart => false;

    /// <summary>Whether the guest has a network card besides, and a peer of its cable.</summary>
    internal virtual bool HasNetwork => false;

    /// <summary>Puts itself between the two before they meet, if it must.</summary>
    internal virtual void Interpose(Scene scene)
    {
    }

    /// <summary>What must come of it after a step.</summary>
    internal abstract Outcome At(HandoverStep step);

    /// <summary>
    /// Strikes, while both processes are held as far as they can be: all steps up to this one are done, and the process that has done it, or a later
    /// one, is held there. Lets both continue where that is part of the fault; afterwards no process is held any more.
    /// </summary>
    internal abstract Task StrikeAsync(Scene scene, HandoverStep step);

    /// <summary>What must hold besides when all is over and one of the two runs the guest.</summary>
    internal virtual Task OwnedAsync(Scene scene) => Task.CompletedTask;

    /// <summary>What must hold besides when the next attempt has succeeded.</summary>
    internal virtual Task RetriedAsync(Scene scene) => Task.CompletedTask;

    /// <inheritdoc/>
    public override string ToString() => Name;
}
