using Microsoft.Extensions.Logging;
using Vmm.Core.Configuration;
using Vmm.Core.Devices;
using Vmm.Core.Devices.Model;
using Vmm.Core.Loop;
using Vmm.Core.Machines.Types;

namespace Vmm.Core.Machines;

/// <summary>What a board is built from, and the services that its devices use.</summary>
/// <param name="Configuration">Its configuration.</param>
/// <param name="Revision">The revision of the board.</param>
/// <param name="Power">Who carries out the guest's requests for reset and power-off.</param>
/// <param name="IoLoop">The loop that serves the back ends.</param>
/// <param name="Time">The wall clock.</param>
/// <param name="Log">Where devices and back ends report what went wrong.</param>
internal sealed record BoardSetup(
    MachineConfiguration Configuration, int Revision, IPowerControl Power, EventLoop IoLoop, TimeProvider Time, ILogger Log)
{
    /// <summary>All devices that it is to have, in the order in which they are created.</summary>
    internal IReadOnlyList<PlacedDevice> Devices { get; } = TypeOf(Configuration).DevicesOf(Configuration, Revision);

    /// <summary>The threads that serve the devices' queues.</summary>
    internal required QueueThreads QueueThreads { get; init; }

    /// <summary>Takes reports of requests that the host refused.</summary>
    internal required IDeviceErrors Errors { get; init; }

    /// <summary>The board of a guest that is started here.</summary>
    internal static BoardSetup ToStart(
        MachineConfiguration configuration, IPowerControl power, IDeviceErrors errors, EventLoop ioLoop, TimeProvider time, ILogger log) =>
        new(configuration, TypeOf(configuration).RevisionToStart(configuration), power, ioLoop, time, log)
        {
            QueueThreads = new QueueThreads(configuration, log),
            Errors = errors,
        };

    /// <summary>The board of a guest that comes from another process.</summary>
    /// <exception cref="MachineException">This program builds no such revision.</exception>
    internal BoardSetup OfRevision(int revision)
    {
        var type = TypeOf(Configuration);
        return revision >= MachineType.FirstRevision && revision <= type.NewestRevision
            ? new BoardSetup(Configuration, revision, Power, IoLoop, Time, Log) { QueueThreads = QueueThreads, Errors = Errors }
            : throw new MachineException(
                $"the guest's board is revision {revision} of {type.Name}: this program builds {MachineType.FirstRevision} to {type.NewestRevision}");
    }

    private static MachineType TypeOf(MachineConfiguration configuration) => MachineType.Find(configuration.MachineType)
        ?? throw new MachineException($"unsupported machine type '{configuration.MachineType}': expected {MachineType.Names}");
}
