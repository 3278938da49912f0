namespace Vmm.Core.Objects;

/// <summary>A property of an object.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type as QAPI spells it.</param>
/// <param name="Value">Its value: a bool, a ulong or a string; null if it has none.</param>
public sealed record ObjectProperty(string Name, string Type, object? Value);
