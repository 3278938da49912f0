namespace Vmm.CommandLine;

/// <summary>The language that a monitor speaks.</summary>
internal enum MonitorMode
{
    /// <summary>HMP, for people.</summary>
    Readline,

    /// <summary>QMP, for programs.</summary>
    Control,
}
