namespace Vmm.Core.State;

/// <summary>An array of numbers, as many as an earlier field says; room for the most is there from the start.</summary>
internal sealed class CountedArrayField<T, TValue>(
    string layout, string name, int since, ScalarType<TValue> type, FieldSpan<T, TValue> values, Func<T, long> count, string countField, int maximum)
    : FieldCodec<T>(new(name, type.Name, type.Size, since) { Array = new(maximum, countField) })
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
        int length = Field.Array!.CheckedLength(layout, Field.Name, count(state));
        return values(state)[..length];
    }
}
