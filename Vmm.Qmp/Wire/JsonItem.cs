namespace Vmm.Qmp.Wire;

/// <summary>What <see cref="JsonSource"/> cuts out of the stream: a value, or the one error that stands for an offending value.</summary>
/// <param name="Json">The value as strict JSON in ASCII, without blanks; empty for a fault.</param>
/// <param name="Fault">The text of the error, null for a value.</param>
/// <param name="End">The count of bytes of the stream up to the item's end.</param>
internal readonly record struct JsonItem(ReadOnlyMemory<byte> Json, string? Fault, long End);
