using Vmm.Core.Devices.Virtio;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Devices.Virtio;

/// <summary>The record of the echo device.</summary>
internal sealed class EchoState
{
    internal static readonly StateLayout<EchoState> Layout = new("virtio-echo", version: 1)
    {
        { "served", s => ref s.Served },
        { "config", s => s.Configuration, EchoDevice.ConfigurationLength },
        { "virtio", s => s.Virtio, VirtioState.Layout },
    };

    /// <summary>How many requests were served.</summary>
    internal uint Served;

    /// <summary>The configuration space.</summary>
    internal readonly byte[] Configuration = new byte[EchoDevice.ConfigurationLength];

    /// <summary>Registers and queues.</summary>
    internal readonly VirtioState Virtio = new(queues: 2);
}
