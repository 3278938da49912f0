namespace Vmm.Core.State;

/// <summary>Bytes that earlier versions of a layout had a use for: written as zeros, read and dropped.</summary>
internal sealed class UnusedField<T>(string name, int since, int size) : FieldCodec<T>(new(name, "unused_buffer", size, since))
    where T : class
{
    internal override void Save(StateWriter writer, T state) => writer.Reserve(Field.Size).Clear();

    internal override void Load(StateReader reader, T state, int version) => reader.ReadBytes(Field.Size);
}
