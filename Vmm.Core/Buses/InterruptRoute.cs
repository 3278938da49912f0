namespace Vmm.Core.Buses;

/// <summary>Where a global system interrupt leads.</summary>
/// <param name="Gsi">Its number, 24 or higher: those below are wired to the first IOAPIC.</param>
/// <param name="Message">The message that it becomes; null if it is masked.</param>
public readonly record struct InterruptRoute(int Gsi, InterruptMessage? Message);
