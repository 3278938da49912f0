namespace Vmm.Core.Chardevs;

/// <summary>The size of a terminal in characters. All zero: there is no terminal, or it does not say.</summary>
/// <param name="Columns">Characters in a row.</param>
/// <param name="Rows">Rows.</param>
public readonly record struct ConsoleSize(ushort Columns, ushort Rows);
