namespace Vmm.Core.State;

/// <summary>One section of a saved file; where it is loaded, its object applies it.</summary>
/// <param name="name">The section's name.</param>
/// <param name="instance">Which of several with the same name.</param>
public abstract class SavedPart(string name, int instance) : IStateful
{
    /// <summary>The section's name.</summary>
    public string Name { get; } = name;

    /// <summary>Which of several with the same name.</summary>
    public int Instance { get; } = instance;

    /// <summary>Whether there is something to write; null for a section that is always there.</summary>
    public Func<bool>? IsNeeded { get; init; }

    /// <inheritdoc/>
    public abstract StateLayout Layout { get; }

    /// <inheritdoc/>
    public abstract void Save(StateWriter writer);

    /// <inheritdoc/>
    public abstract void Load(StateReader reader);
}

/// <summary>A section that is a <typeparamref name="T"/>.</summary>
/// <param name="name">The section's name.</param>
/// <param name="instance">Which of several with the same name.</param>
/// <param name="layout">The layout.</param>
/// <param name="record">The record, as it is where a file has no such section.</param>
public sealed class SavedPart<T>(string name, int instance, StateLayout<T> layout, T record) : SavedPart(name, instance)
    where T : class
{
    /// <inheritdoc/>
    public override StateLayout Layout => layout;

    /// <inheritdoc/>
    public override void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(layout, record);
    }

    /// <inheritdoc/>
    public override void Load(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        reader.Read(layout, record);
    }
}
