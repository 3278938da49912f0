// A garbage collection inside the pause would lengthen it by more than all the rest. So each process collects beforehand, and
// has the runtime keep room for all that the pause allocates; until that is used up, or the region ends, nothing is collected.

using System.Runtime;

namespace Vmm.Core.Loop;

/// <summary>A region without garbage collections in this process.</summary>
internal sealed class NoGcRegion : IDisposable
{
    /// <summary>Many times what the state of the largest machine takes.</summary>
    private const long Room = 4 << 20;

    private static readonly Lock Gate = new();

    private readonly bool _isOurs;
    private readonly int _before;
    private bool _isOver;

    private NoGcRegion(bool isOurs)
    {
        _isOurs = isOurs;
        _before = GC.CollectionCount(0);
    }

    /// <summary>Collections since the region began: 0, unless there was no room for it.</summary>
    internal uint Collections => (uint)(GC.CollectionCount(0) - _before);

    /// <summary>Collects, and begins. Does not throw.</summary>
    internal static NoGcRegion Begin()
    {
        lock (Gate)
        {
            return new NoGcRegion(TryStart());
        }
    }

    /// <summary>Collections may happen again. Does not throw.</summary>
    public void Dispose()
    {
        lock (Gate)
        {
            if (!_isOurs || _isOver)
            {
                return;
            }

            _isOver = true;
            try
            {
                GC.EndNoGCRegion();
            }
            catch (InvalidOperationException)
            {
                // More was allocated than there was room for: the runtime has ended it.
            }
        }
    }

    /// <summary>
    /// There is one at a time: another machine in this process may have it, and shares it. The runtime's answer counts: the mode
    /// that it shows lags behind where more was allocated than there was room for. An update does not fail without it.
    /// </summary>
    private static bool TryStart()
    {
        try
        {
            return GCSettings.LatencyMode != GCLatencyMode.NoGCRegion && GC.TryStartNoGCRegion(Room);
        }
        catch (Exception e) when (e is InvalidOperationException or OutOfMemoryException)
        {
            return false;
        }
    }
}
