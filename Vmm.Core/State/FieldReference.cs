namespace Vmm.Core.State;

/// <summary>Points at a scalar of a state record.</summary>
/// <typeparam name="TState">The record.</typeparam>
/// <typeparam name="TValue">The scalar's type.</typeparam>
public delegate ref TValue FieldReference<TState, TValue>(TState state)
    where TState : class;

/// <summary>Points at a run of bytes or an array of scalars of a state record, whose length never changes.</summary>
/// <typeparam name="TState">The record.</typeparam>
/// <typeparam name="TValue">The elements' type.</typeparam>
public delegate Span<TValue> FieldSpan<TState, TValue>(TState state)
    where TState : class;
