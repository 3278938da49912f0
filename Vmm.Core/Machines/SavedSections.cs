// The sections of a machine's saved file: each object's state in the form that it has there (SavedForm), and as it is where that is its own.

using Vmm.Core.State;

namespace Vmm.Core.Machines;

/// <summary>What a saved file of a machine has after RAM.</summary>
public sealed class SavedSections
{
    private readonly List<SavedForm> _forms = [];
    private readonly List<StateSection> _all = [];

    /// <summary>Takes nothing from the objects yet.</summary>
    /// <param name="own">The machine's sections, in saving order.</param>
    public SavedSections(IEnumerable<StateSection> own)
    {
        ArgumentNullException.ThrowIfNull(own);
        foreach (var section in own)
        {
            if (section.Item.CreateSavedForm(section.Name, section.Instance) is { } form)
            {
                _forms.Add(form);
                _all.AddRange(form.Parts.Select(part =>
                    new StateSection(part.Instance, part) { Name = part.Name, MayBeAbsent = part.IsNeeded is not null }));
            }
            else
            {
                _all.Add(section);
            }
        }
    }

    /// <summary>All that such a file may have.</summary>
    public IReadOnlyList<StateSection> All => _all;

    /// <summary>Takes the state of the objects, which are stopped.</summary>
    /// <returns>The sections to be written.</returns>
    public IReadOnlyList<StateSection> Capture()
    {
        foreach (var form in _forms)
        {
            form.Capture();
        }

        return [.. _all.Where(section => section.Item is not SavedPart { IsNeeded: { } isNeeded } || isNeeded())];
    }

    /// <summary>Has the objects load what was read; nothing takes effect yet.</summary>
    /// <exception cref="StateException">It is no state of theirs.</exception>
    public void Restore()
    {
        foreach (var form in _forms)
        {
            try
            {
                form.Restore();
            }
            catch (StateException e)
            {
                throw new StateException($"cannot load the state of '{form.Parts[0].Name}' {form.Parts[0].Instance}: {e.Message}", e);
            }
        }
    }
}
