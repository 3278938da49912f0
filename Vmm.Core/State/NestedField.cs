namespace Vmm.Core.State;

/// <summary>A record inside the record, by a layout of its own.</summary>
internal sealed class NestedField<T, TItem>(StateField field, string layout, StateLayout<TItem> nested, Func<T, TItem> item) : FieldCodec<T>(field)
    where T : class
    where TItem : class
{
    internal override void Save(StateWriter writer, T state) => nested.Save(writer, item(state));

    internal override void Load(StateReader reader, T state, int version)
    {
        try
        {
            nested.Load(reader, item(state), Field.Nested!.VersionAt(version));
        }
        catch (StateException refusal)
        {
            throw new StateException($"{layout}.{Field.Name}: {refusal.Message}", refusal);
        }
    }
}
