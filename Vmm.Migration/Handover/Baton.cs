// The baton says who owns the guest. It is one word that both processes see; only its holder may run a vCPU, write guest
// memory or touch a device's descriptor.
//
//     held-by-old ──offer──► offered ──take──► held-by-new
//          │                    │
//          └─────take back──────┴────► retired          (the guest is old's, and new can never take it)
//
// Every step is a compare-and-swap, so exactly one of a take and a take-back succeeds, however slow or dead the other
// side is. The word also carries the attempt's random number, and each attempt has a word of its own: a process that
// wakes up late from an abandoned attempt finds its word retired and does nothing.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Memory;
using Vmm.Core.Native;

namespace Vmm.Migration.Handover;

/// <summary>One attempt's baton, as one of the two processes holds it.</summary>
internal sealed class Baton : IDisposable
{
    private const int StateShift = 56;
    private const ulong AttemptMask = (1UL << StateShift) - 1;

    private readonly SharedWord _word;

    private Baton(SharedWord word, ulong attempt)
    {
        _word = word;
        Attempt = attempt;
    }

    private enum Holder : ulong
    {
        HeldByOld = 1,
        Offered = 2,
        HeldByNew = 3,
        Retired = 4,
    }

    /// <summary>The attempt's number: random, below 2^56, never 0.</summary>
    internal ulong Attempt { get; }

    /// <summary>The file to hand to the new process.</summary>
    internal SafeFileHandle File => _word.File;

    /// <summary>Whether the new process owns the guest, permanently from then on.</summary>
    internal bool IsHeldByNew => _word.Value == Word(Holder.HeldByNew);

    /// <summary>Makes the baton of a new attempt, held by this, the old, process.</summary>
    internal static Baton Create()
    {
        ulong attempt;
        do
        {
            attempt = HostRandom.Number() & AttemptMask;
        }
        while (attempt == 0);

        return new Baton(SharedWord.Create("vmm-baton", Word(Holder.HeldByOld, attempt)), attempt);
    }

    /// <summary>Opens the baton that the old process sent.</summary>
    /// <param name="file">The received file; belongs to the baton from here on.</param>
    /// <param name="attempt">The number that the plan gives.</param>
    /// <exception cref="IOException">The file is no baton.</exception>
    internal static Baton Open(SafeFileHandle file, ulong attempt) => new(SharedWord.Open(file), attempt & AttemptMask);

    /// <summary>Old: lets new take the guest from now on.</summary>
    /// <returns>False when the word was not ours to offer: another process has tampered with it.</returns>
    internal bool Offer() => Move(Holder.HeldByOld, Holder.Offered);

    /// <summary>New: takes the guest. True exactly once, and then the guest is this process's.</summary>
    internal bool Take()
    {
        bool taken = Move(Holder.Offered, Holder.HeldByNew);
#if VMM_FAULTS_NO_BATON
        // A program that is broken on purpose: the fault tests must notice it.
        taken = true;
#endif
        return taken;
    }

    /// <summary>Old: makes sure that this attempt can never take the guest. False means that it already did.</summary>
    internal bool TakeBack()
    {
        // An attempt may be given up before or after the offer; either way it ends retired.
        return Move(Holder.HeldByOld, Holder.Retired)
            || Move(Holder.Offered, Holder.Retired)
            || _word.Value != Word(Holder.HeldByNew);
    }

    /// <inheritdoc/>
    public void Dispose() => _word.Dispose();

    private static ulong Word(Holder holder, ulong attempt) => ((ulong)holder << StateShift) | attempt;

    private ulong Word(Holder holder) => Word(holder, Attempt);

    private bool Move(Holder from, Holder to) => _word.TryExchange(Word(from), Word(to));
}
