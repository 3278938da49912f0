namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>Where the guest is after an update.</summary>
internal enum GuestPlace
{
    /// <summary>Where it was; or nowhere that could be found, which is a deviation.</summary>
    Old,

    /// <summary>In the new process, or the new program.</summary>
    New,

    /// <summary>In the process that kept it.</summary>
    Keeper,
}
