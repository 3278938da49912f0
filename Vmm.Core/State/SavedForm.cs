// The form that an object's state has in a saved file, where that is not the object's own.
//
// The processes of a live update exchange state in the objects' own layouts: the kernel's structures as they are, clocks to the nanosecond, what is in
// flight. A saved file is for every reader of QEMU's streams, so there a device that QEMU has too has QEMU's section, to the byte. What such a section
// has no place for stands in a second one of ours, behind it.
//
//     object  <-- own layout -->  own record  <-- Fill, Take -->  records of the parts  <-- their layouts -->  file
//
// The object itself knows nothing of it: its state is converted, not its code, and what comes from a file passes the checks that it makes of what
// comes from another process.

namespace Vmm.Core.State;

/// <summary>The sections of a saved file that one object's state is in.</summary>
public abstract class SavedForm
{
    /// <summary>The sections, in the order in which they are written.</summary>
    public abstract IReadOnlyList<SavedPart> Parts { get; }

    /// <summary>Fills the parts from the object, which is stopped.</summary>
    public abstract void Capture();

    /// <summary>Has the object load what the parts hold; nothing takes effect yet.</summary>
    /// <exception cref="StateException">It is no state of this object.</exception>
    public abstract void Restore();
}

/// <summary>The form of an object whose own record is a <typeparamref name="T"/>.</summary>
/// <param name="item">The object.</param>
/// <param name="layout">Its own layout.</param>
/// <param name="state">A record of that layout, in the state that it has after power-on.</param>
public abstract class SavedForm<T>(IStateful item, StateLayout<T> layout, T state) : SavedForm
    where T : class
{
    /// <inheritdoc/>
    public override void Capture()
    {
        var writer = new StateWriter();
        item.Save(writer);
        new StateReader(writer.WrittenMemory).Read(layout, state);
        Fill(state);
    }

    /// <inheritdoc/>
    public override void Restore()
    {
        Take(state);
        var writer = new StateWriter();
        writer.Write(layout, state);
        item.Load(new StateReader(writer.WrittenMemory));
    }

    /// <summary>Fills the records of the parts from the object's own.</summary>
    protected abstract void Fill(T own);

    /// <summary>Fills the object's own record from those of the parts.</summary>
    /// <exception cref="StateException">They hold what such an object cannot have.</exception>
    protected abstract void Take(T own);
}
