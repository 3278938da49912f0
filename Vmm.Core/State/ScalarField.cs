namespace Vmm.Core.State;

/// <summary>A number or truth value.</summary>
internal sealed class ScalarField<T, TValue>(string layout, string name, int since, ScalarType<TValue> type, FieldReference<T, TValue> value)
    : FieldCodec<T>(new(name, type.Name, type.Size, since))
    where T : class
{
    private readonly string _path = $"{layout}.{name}";

    internal override Func<T, long>? Count => type.ToCount is { } toCount ? state => toCount(value(state)) : null;

    internal override void Save(StateWriter writer, T state) => type.Write(writer, value(state));

    internal override void Load(StateReader reader, T state, int version) => value(state) = type.Read(reader, _path);
}
