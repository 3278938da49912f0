using Vmm.Core.Buses;
using Vmm.Core.Devices.IoApic;

namespace Vmm.Tests.Unit.Devices;

/// <summary>Keeps the routes that lead somewhere.</summary>
internal sealed class RecordedRouter : IInterruptRouter
{
    internal Dictionary<int, InterruptMessage> Routes { get; } = [];

    internal int Changes { get; set; }

    public void Route(ReadOnlySpan<InterruptRoute> routes)
    {
        Changes++;
        foreach (var route in routes)
        {
            if (route.Message is { } message)
            {
                Routes[route.Gsi] = message;
            }
            else
            {
                Routes.Remove(route.Gsi);
            }
        }
    }
}
