// The descriptors of a session on their way to another program: how many and in which order follows from the session's record, so a name is its place in
// that order. The first is the client's socket, where it has one.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;

namespace Vmm.Qmp.Sessions;

/// <summary>The descriptors that one session has. Machine loop only.</summary>
/// <param name="monitor">The session's monitor.</param>
internal sealed class SessionDescriptors(string monitor)
{
    private readonly List<HandoverDescriptor> _saved = [];
    private readonly Queue<SafeFileHandle> _claimed = new();
    private int _places;

    /// <summary>What a session has added, by name.</summary>
    internal IReadOnlyList<HandoverDescriptor> Saved => _saved;

    /// <summary>The name of one of them.</summary>
    /// <param name="place">Its place, from 0.</param>
    internal string NameOf(int place) => place == 0 ? $"session/{monitor}" : $"session/{monitor}/{place}";

    /// <summary>Adds one; null keeps the place.</summary>
    internal void Add(SafeHandle? handle)
    {
        if (handle is not null)
        {
            _saved.Add(new HandoverDescriptor(NameOf(_places), handle));
        }

        _places++;
    }

    /// <summary>Claims the client's socket, and all that follow.</summary>
    /// <param name="descriptors">All that came; those that are missing were found missing before.</param>
    /// <param name="record">The session's record.</param>
    /// <returns>The client's socket.</returns>
    internal SafeFileHandle? Claim(HandedOverDescriptors descriptors, SessionRecord record)
    {
        for (int place = 1; place <= record.DescriptorCount; place++)
        {
            _claimed.Enqueue(descriptors.Claim(NameOf(place))!);
        }

        return record.HasSocket ? descriptors.Claim(NameOf(0)) : null;
    }

    /// <summary>The next one that was claimed, to be owned by the caller.</summary>
    internal SafeFileHandle Take() => _claimed.Dequeue();
}
