namespace Vmm.Core.Configuration;

/// <summary>One property of a machine, guest-visible or host-only, in the operator's words.</summary>
/// <param name="Subject">What it is about: machine, cpu, memory, memory backend mem0, device serial0.</param>
/// <param name="Property">Which property of it, as the option spells it.</param>
/// <param name="Value">Its value, as the option spells it: numbers in decimal, ports in hexadecimal, switches on or off.</param>
public sealed record PropertyValue(string Subject, string Property, string Value);
