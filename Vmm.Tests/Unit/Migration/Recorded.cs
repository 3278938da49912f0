using Vmm.Core.State;

namespace Vmm.Tests.Unit.Migration;

/// <summary>A record and its layout as a part of a machine.</summary>
internal sealed class Recorded<T>(StateLayout<T> layout, T record) : IStateful
    where T : class
{
    public StateLayout Layout => layout;

    public void Save(StateWriter writer) => writer.Write(layout, record);

    public void Load(StateReader reader) => reader.Read(layout, record);
}
