using System.Runtime.InteropServices;

namespace Vmm.Qmp.Sessions;

/// <summary>The descriptors that a client has named with <c>getfd</c>; they live as long as its session. Machine loop only.</summary>
public sealed class NamedDescriptors : IDisposable
{
    private readonly Dictionary<string, SafeHandle> _handles = [];
    private bool _disposed;

    /// <summary>Keeps a descriptor, in place of one that had the name before.</summary>
    /// <param name="name">The client's name for it.</param>
    /// <param name="handle">The descriptor, which now belongs here.</param>
    public void Put(string name, SafeHandle handle)
    {
        Remove(name);
        if (_disposed)
        {
            handle.Dispose();
        }
        else
        {
            _handles.Add(name, handle);
        }
    }

    /// <summary>Hands a descriptor out; it then belongs to the caller and the name is free.</summary>
    /// <returns>The descriptor, or null when there is none of that name.</returns>
    public SafeHandle? Take(string name) => _handles.Remove(name, out var handle) ? handle : null;

    /// <summary>Shows a descriptor, which stays here.</summary>
    /// <returns>The descriptor, or null when there is none of that name.</returns>
    public SafeHandle? Find(string name) => _handles.GetValueOrDefault(name);

    /// <summary>All of them by name.</summary>
    internal IReadOnlyCollection<KeyValuePair<string, SafeHandle>> All => _handles;

    /// <summary>Closes a descriptor.</summary>
    /// <returns>False when there is none of that name.</returns>
    public bool Remove(string name)
    {
        using var handle = Take(name);
        return handle is not null;
    }

    /// <summary>Closes all.</summary>
    public void Dispose()
    {
        _disposed = true;
        foreach (var handle in _handles.Values)
        {
            handle.Dispose();
        }

        _handles.Clear();
    }
}
