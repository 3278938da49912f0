namespace Vmm.Core.Devices.Model;

/// <summary>Who can see a property's value, and so what an update makes of a difference between the old and the new process.</summary>
public enum Visibility
{
    /// <summary>The guest can see it: the two processes must agree, or the update is refused.</summary>
    Guest,

    /// <summary>Only the host can see it: a difference is reported to the operator and stops nothing.</summary>
    Host,

    /// <summary>Other properties follow from it, and say what the guest can see of it.</summary>
    Implied,
}
