using Microsoft.Extensions.Logging;
using Vmm.Core.Configuration;
using Vmm.Core.Devices;
using Vmm.Core.Devices.Model;
using Vmm.Core.Loop;
using Vmm.Core.Machines.Types;

namespace Vmm.Core.Machines;

/// <summary>What a board is built from, and what its devices turn to.</summary>
/// <param name="Configuration">What it shall be.</param>
/// <param name="Power">Who carries out the guest's requests for reset and power-off.</param>
/// <param name="IoLoop">The loop that serves the back ends.</param>
/// <param name="Time">The wall clock.</param>
/// <param name="Log">Where devices and back ends report what went wrong.</param>
internal sealed record BoardSetup(
    MachineConfiguration Configuration, IPowerControl Power, EventLoop IoLoop, TimeProvider Time, ILogger Log)
{
    /// <summary>All devices that it shall have, in the order in which they are created.</summary>
    internal IReadOnlyList<PlacedDevice> Devices { get; } =
        (MachineType.Find(Configuration.MachineType)
            ?? throw new MachineException($"unsupported machine type '{Configuration.MachineType}': expected {MachineType.Names}"))
        .DevicesOf(Configuration);
}
