// The boundaries that only an update by exec has; the others are those of HandoverStep. docs/handover.md lists both.

namespace Vmm.Migration.Handover;

/// <summary>A boundary between two steps of an update by exec. The numbers follow those of <see cref="HandoverStep"/> with a distance.</summary>
internal enum ExecStep : byte
{
    /// <summary>Old: the new program, started to be asked, would take the guest, and has ended.</summary>
    OldAsked = 128,

    /// <summary>Keeper: the state is in its hypervisor; it waits for its turn.</summary>
    KeeperLoaded,

    /// <summary>Old: knows that.</summary>
    OldKept,

    /// <summary>Old: the record is written; the next step is exec.</summary>
    OldLeaving,

    /// <summary>The new program, in old's process, or old's again: the record is read.</summary>
    NewRecordRead,

    /// <summary>The same: what is left of the way back and of the keeper is closed.</summary>
    NewAlone,
}
