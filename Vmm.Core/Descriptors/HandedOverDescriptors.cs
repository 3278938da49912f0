// Descriptors that came from the old process, by name, until they are claimed. What is not claimed is closed with
// the set, so a descriptor can neither leak nor be used twice.

using Microsoft.Win32.SafeHandles;

namespace Vmm.Core.Descriptors;

/// <summary>Received descriptors by name. Not thread-safe.</summary>
public sealed class HandedOverDescriptors : IDisposable
{
    private readonly Dictionary<string, SafeFileHandle> _handles = new(StringComparer.Ordinal);

    /// <summary>The names not yet claimed.</summary>
    public IReadOnlyCollection<string> Names => _handles.Keys;

    /// <summary>Adds a descriptor; the set owns it.</summary>
    /// <returns>False when the name is taken; the descriptor is then closed.</returns>
    public bool TryAdd(string name, SafeFileHandle handle)
    {
        ArgumentNullException.ThrowIfNull(handle);
        if (_handles.TryAdd(name, handle))
        {
            return true;
        }

        handle.Dispose();
        return false;
    }

    /// <summary>Claims a descriptor; the caller owns it.</summary>
    /// <returns>Null when there is none of that name, or it was claimed before.</returns>
    public SafeFileHandle? Claim(string name) => _handles.Remove(name, out var handle) ? handle : null;

    /// <summary>Claims a descriptor that is what its name is taken to mean; another stays unclaimed.</summary>
    /// <returns>Null when there is none such.</returns>
    public SafeFileHandle? Claim(string name, Func<SafeFileHandle, bool> isWanted)
    {
        ArgumentNullException.ThrowIfNull(isWanted);
        return _handles.TryGetValue(name, out var handle) && isWanted(handle) ? Claim(name) : null;
    }

    /// <summary>Closes what was not claimed.</summary>
    public void Dispose()
    {
        foreach (var handle in _handles.Values)
        {
            handle.Dispose();
        }

        _handles.Clear();
    }
}
