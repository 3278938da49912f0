namespace Vmm.Core.Machines;

/// <summary>A device or back end that took long to quiesce, while the guest waited.</summary>
/// <param name="Name">The device's id or driver, or the chardev's id.</param>
/// <param name="Microseconds">How long it took.</param>
public readonly record struct SlowQuiesce(string Name, ulong Microseconds);
