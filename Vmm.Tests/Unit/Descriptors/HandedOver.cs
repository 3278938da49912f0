using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;

namespace Vmm.Tests.Unit.Descriptors;

/// <summary>Descriptors as they come from an old process.</summary>
internal static class HandedOver
{
    internal static HandedOverDescriptors With(params ReadOnlySpan<(string Name, SafeFileHandle Handle)> descriptors)
    {
        var handedOver = new HandedOverDescriptors();
        foreach (var (name, handle) in descriptors)
        {
            handedOver.TryAdd(name, handle);
        }

        return handedOver;
    }
}
