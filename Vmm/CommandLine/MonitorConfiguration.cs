namespace Vmm.CommandLine;

/// <summary>A monitor on a chardev.</summary>
/// <param name="ChardevId">The chardev.</param>
/// <param name="Mode">The language.</param>
/// <param name="Pretty">Whether QMP replies are indented; only with <see cref="MonitorMode.Control"/>.</param>
internal sealed record MonitorConfiguration(string ChardevId, MonitorMode Mode, bool Pretty);
