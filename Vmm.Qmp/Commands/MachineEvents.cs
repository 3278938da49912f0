using Vmm.Core.Machines;
using Vmm.Migration;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;

namespace Vmm.Qmp.Commands;

/// <summary>What happens to a machine and its migrations, as QMP events.</summary>
public static class MachineEvents
{
    /// <summary>Sends every event from now on.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="migrator">Its migrations.</param>
    /// <param name="events">Sends them.</param>
    public static void Broadcast(Machine machine, Migrator migrator, EventBroadcaster events)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(migrator);
        ArgumentNullException.ThrowIfNull(events);
        machine.EventRaised += raised => events.Emit(ToQapi(raised), raised.At);
        migrator.StatusChanged += status => events.Emit(new MigrationEvent { Status = status.ToQapi() });
        migrator.PassBegan += pass => events.Emit(new MigrationPassEvent { Pass = pass });
    }

    private static QapiEvent ToQapi(MachineEvent raised) => raised switch
    {
        MachineStopped => new StopEvent(),
        MachineResumed => new ResumeEvent(),
        MachinePowerButton => new PowerdownEvent(),
        MachineNetdevConnected netdev => new NetdevStreamConnectedEvent { NetdevId = netdev.Id, Addr = AddressOf(netdev.Address) },
        MachineNetdevDisconnected netdev => new NetdevStreamDisconnectedEvent { NetdevId = netdev.Id },
        MachineReceiveFilterChanged card => new NicRxFilterChangedEvent { Name = card.Id, Path = card.Path },
        GuestPortChanged port => new VserportChangeEvent { Id = port.Id, Open = port.IsOpen },
        MachineReset reset => new ResetEvent { Guest = IsGuests(reset.Cause), Reason = reset.Cause.ToQapi() },
        MachineDiskError error => ToQapi(error),
        MachineShutdown shutdown => new ShutdownEvent { Guest = IsGuests(shutdown.Cause), Reason = shutdown.Cause.ToQapi() },
        _ => throw new ArgumentOutOfRangeException(nameof(raised), raised, "there is no event for this"),
    };

    private static SocketAddress AddressOf(string address)
    {
        int colon = address.IndexOf(':', StringComparison.Ordinal);
        string rest = address[(colon + 1)..];
        int port = rest.LastIndexOf(':');
        return address[..colon] switch
        {
            "tcp" => new SocketAddressInet { Data = new() { Host = rest[..port].Trim('[', ']'), Port = rest[(port + 1)..] } },
            "fd" => new SocketAddressFd { Data = new() { Str = rest } },
            _ => new SocketAddressUnix { Data = new() { Path = rest } },
        };
    }

    private static BlockIoErrorEvent ToQapi(MachineDiskError error) => new()
    {
        QomPath = error.Path,
        Device = error.Disk.Drive?.Id ?? "",
        NodeName = error.Disk.NodeName,
        Operation = error.IsRead ? IoOperationType.Read : IoOperationType.Write,
        Action = error.Action switch
        {
            Core.Backends.Block.BlockErrorAction.Stop => BlockErrorAction.Stop,
            Core.Backends.Block.BlockErrorAction.Ignore => BlockErrorAction.Ignore,
            _ => BlockErrorAction.Report,
        },
        Nospace = error.IsNoSpace,
        Reason = error.Reason,
    };

    private static bool IsGuests(Core.Machines.ShutdownCause cause) =>
        cause is >= Core.Machines.ShutdownCause.GuestShutdown and <= Core.Machines.ShutdownCause.GuestPanic;
}
