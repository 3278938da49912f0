namespace Vmm.Core.State;

/// <summary>One field of a layout as the outside sees it: its name, its type name in a stream's description, and its size.</summary>
/// <param name="Name">The field's name.</param>
/// <param name="Type">The type as a stream's JSON description spells it: uint8, uint64, bool, buffer …</param>
/// <param name="Size">Bytes in the stream.</param>
/// <param name="Since">The first version of the layout that has the field.</param>
public readonly record struct StateField(string Name, string Type, int Size, int Since);

/// <summary>Points at a scalar of a state record.</summary>
/// <typeparam name="TState">The record.</typeparam>
/// <typeparam name="TValue">The scalar's type.</typeparam>
public delegate ref TValue FieldReference<TState, TValue>(TState state)
    where TState : class;

/// <summary>Points at a fixed-size run of bytes of a state record.</summary>
/// <typeparam name="TState">The record.</typeparam>
public delegate Span<byte> FieldBytes<TState>(TState state)
    where TState : class;
