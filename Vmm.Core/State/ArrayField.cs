namespace Vmm.Core.State;

/// <summary>An array of numbers whose length never changes.</summary>
internal sealed class ArrayField<T, TValue>(
    string layout, string name, int since, ScalarType<TValue> type, FieldSpan<T, TValue> values, int length)
    : FieldCodec<T>(new(name, type.Name, type.Size, since) { Array = new(length) })
    where T : class
{
    private readonly string _path = $"{layout}.{name}";

    internal override void Save(StateWriter writer, T state)
    {
        foreach (var value in Values(state))
        {
            type.Write(writer, value);
        }
    }

    internal override void Load(StateReader reader, T state, int version)
    {
        foreach (ref var value in Values(state))
        {
            value = type.Read(reader, _path);
        }
    }

    private Span<TValue> Values(T state)
    {
        var found = values(state);
        return found.Length == length
            ? found
            : throw new InvalidOperationException($"{_path}: the layout says {length} elements, the record has {found.Length}");
    }
}
