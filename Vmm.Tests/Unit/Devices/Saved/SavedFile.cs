using Vmm.Core.State;

namespace Vmm.Tests.Unit.Devices.Saved;

/// <summary>An object that is nothing but its record.</summary>
internal sealed class RecordHolder<T>(StateLayout<T> layout, T record) : IStateful
    where T : class
{
    internal T Record => record;

    public StateLayout Layout => layout;

    public void Save(StateWriter writer) => writer.Write(layout, record);

    public void Load(StateReader reader) => reader.Read(layout, record);
}

/// <summary>Carries state through the form that it has in a saved file.</summary>
internal static class SavedFile
{
    /// <summary>The sections that a file has of an object, each by its name and instance.</summary>
    internal static Dictionary<string, byte[]> Of(SavedForm form)
    {
        form.Capture();
        return form.Parts.Where(part => part.IsNeeded?.Invoke() != false).ToDictionary(part => $"{part.Name} {part.Instance}", part =>
        {
            var writer = new StateWriter();
            part.Save(writer);
            return writer.Written.ToArray();
        });
    }

    /// <summary>Loads such sections into another object.</summary>
    internal static void Load(SavedForm form, Dictionary<string, byte[]> sections)
    {
        foreach (var (name, bytes) in sections)
        {
            var part = form.Parts.Single(part => $"{part.Name} {part.Instance}" == name);
            var reader = new StateReader(bytes) { SectionVersion = part.Layout.Version };
            part.Load(reader);
            Assert.That(reader.Remaining, Is.Zero, name);
            var again = new StateReader(bytes) { SectionVersion = part.Layout.Version };
            again.Describe(part.Layout);
            Assert.That(again.Remaining, Is.Zero, $"the description of {name}");
        }

        form.Restore();
    }

    /// <summary>What an object saves by its own layout.</summary>
    internal static byte[] OwnBytes(IStateful item)
    {
        var writer = new StateWriter();
        item.Save(writer);
        return writer.Written.ToArray();
    }

    /// <summary>Has an object load what is such a record.</summary>
    internal static void Put<T>(IStateful item, StateLayout<T> layout, T record)
        where T : class
    {
        var writer = new StateWriter();
        writer.Write(layout, record);
        item.Load(new StateReader(writer.WrittenMemory));
    }
}
