// The boundaries between the steps of a handover, in the order in which they are passed. A fault may strike at any of
// them; docs/handover.md lists them with what is promised there, and a test holds the two lists together.

namespace Vmm.Migration.Handover;

/// <summary>A boundary between two steps.</summary>
internal enum HandoverStep
{
    /// <summary>Old: the cpr channel is open.</summary>
    OldConnected,

    /// <summary>New: a client was accepted on the cpr channel.</summary>
    NewAccepted,

    /// <summary>Old: both have greeted.</summary>
    OldGreeted,

    /// <summary>Old: descriptors and plan are sent.</summary>
    OldPlanSent,

    /// <summary>New: descriptors and plan are here.</summary>
    NewPlanReceived,

    /// <summary>New: the plan agrees with this process.</summary>
    NewPlanAccepted,

    /// <summary>New: the back ends have their descriptors, and move nothing.</summary>
    NewBackEndsAdopted,

    /// <summary>New: the machine is built.</summary>
    NewBuilt,

    /// <summary>New: RAM was touched ahead; ready is sent.</summary>
    NewReady,

    /// <summary>Old: new is ready and listens on the main channel.</summary>
    OldPeerReady,

    /// <summary>Old: the main channel is open.</summary>
    OldMainConnected,

    /// <summary>New: the main channel is open.</summary>
    NewMainAccepted,

    /// <summary>Old: queues and back ends are quiesced; the vCPUs still run.</summary>
    OldQueuesStopped,

    /// <summary>Old: the guest is stopped.</summary>
    OldStopped,

    /// <summary>Old: the state is in a buffer.</summary>
    OldSaved,

    /// <summary>Old: the state is sent.</summary>
    OldStateSent,

    /// <summary>Old: the baton is offered.</summary>
    OldOffered,

    /// <summary>Old: the end record is sent.</summary>
    OldEndSent,

    /// <summary>New: the state is here, whole and verified.</summary>
    NewStateVerified,

    /// <summary>New: the state is in the state records.</summary>
    NewLoaded,

    /// <summary>New: the state is in the hypervisor.</summary>
    NewApplied,

    /// <summary>New: the baton is taken; nothing runs yet.</summary>
    NewTaken,

    /// <summary>New: the vCPUs run; queues and back ends are still quiesced.</summary>
    NewReleased,

    /// <summary>New: the guest runs, its queues and back ends with it.</summary>
    NewRunning,

    /// <summary>New: old was notified.</summary>
    NewTakenSent,

    /// <summary>Old: knows that the guest was taken.</summary>
    OldCompleted,
}
