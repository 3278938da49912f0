namespace Vmm.Qmp.Schema;

/// <summary>The QAPI type <c>null</c>: it has one value.</summary>
public readonly record struct QNull;
