namespace Vmm.Core.State;

/// <summary>A field of which only its object knows what is in it.</summary>
internal sealed class OpaqueField<T>(string layout, string name, int since, string type, Func<T, IOpaqueState> item, Func<IOpaqueState> blank)
    : FieldCodec<T>(new(name, type, 0, since) { Opaque = blank })
    where T : class
{
    internal override void Save(StateWriter writer, T state) => item(state).Save(writer);

    internal override void Load(StateReader reader, T state, int version)
    {
        try
        {
            item(state).Load(reader);
        }
        catch (StateException refusal)
        {
            throw new StateException($"{layout}.{Field.Name}: {refusal.Message}", refusal);
        }
    }
}
