namespace Vmm.Core.State;

/// <summary>A run of bytes whose length never changes.</summary>
internal sealed class BufferField<T>(string layout, string name, int since, FieldSpan<T, byte> bytes, int size)
    : FieldCodec<T>(new(name, "buffer", size, since))
    where T : class
{
    internal override void Save(StateWriter writer, T state) => writer.WriteBytes(Bytes(state));

    internal override void Load(StateReader reader, T state, int version) => reader.ReadBytes(size).CopyTo(Bytes(state));

    private Span<byte> Bytes(T state)
    {
        var found = bytes(state);
        return found.Length == size
            ? found
            : throw new InvalidOperationException($"{layout}.{name}: the layout says {size} bytes, the record has {found.Length}");
    }
}
