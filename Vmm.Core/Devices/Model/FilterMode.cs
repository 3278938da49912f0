namespace Vmm.Core.Devices.Model;

/// <summary>Which frames of a kind a network card passes on to its guest.</summary>
public enum FilterMode
{
    /// <summary>Those whose address or VLAN is in the table of that kind.</summary>
    Normal,

    /// <summary>None.</summary>
    None,

    /// <summary>All.</summary>
    All,
}
