using Vmm.Core.Buses;

namespace Vmm.Tests.Unit.Devices;

/// <summary>An interrupt wire that remembers its level and counts its rises.</summary>
internal sealed class RecordedLine : IInterruptLine
{
    internal bool Level { get; private set; }

    internal int Rises { get; private set; }

    internal int Calls { get; private set; }

    public void Set(bool level)
    {
        Calls++;
        Rises += level && !Level ? 1 : 0;
        Level = level;
    }
}
