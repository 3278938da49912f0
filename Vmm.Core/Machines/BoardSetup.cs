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
/// <param name="Of">The revision of a guest's board that comes from another process; null for one that is started here.</param>
internal sealed record BoardSetup(
    MachineConfiguration Configuration, IPowerControl Power, EventLoop IoLoop, TimeProvider Time, ILogger Log, int? Of = null)
{
    private MachineType Type { get; } = TypeOf(Configuration);

    /// <summary>The revision of the board.</summary>
    internal int Revision { get; } = Of ?? TypeOf(Configuration).RevisionToStart(Configuration);

    /// <summary>All devices that it shall have, in the order in which they are created.</summary>
    internal IReadOnlyList<PlacedDevice> Devices { get; } =
        TypeOf(Configuration).DevicesOf(Configuration, Of ?? TypeOf(Configuration).RevisionToStart(Configuration));

    /// <summary>The same with the board of a guest that comes from another process.</summary>
    /// <exception cref="MachineException">This program builds no such revision.</exception>
    internal BoardSetup OfRevision(int revision) => revision >= MachineType.FirstRevision && revision <= Type.NewestRevision
        ? new BoardSetup(Configuration, Power, IoLoop, Time, Log, revision)
        : throw new MachineException(
            $"the guest's board is revision {revision} of {Type.Name}: this program builds {MachineType.FirstRevision} to {Type.NewestRevision}");

    private static MachineType TypeOf(MachineConfiguration configuration) => MachineType.Find(configuration.MachineType)
        ?? throw new MachineException($"unsupported machine type '{configuration.MachineType}': expected {MachineType.Names}");
}
