// The process's monitors: where they listen, what they serve, and how events reach them.

using Microsoft.Extensions.Logging;
using Vmm.CommandLine;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Migration;
using Vmm.Qmp.Commands;
using Vmm.Qmp.Hmp;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;

namespace Vmm.Hosting;

/// <summary>All monitors of a process. Machine loop only, except where a member says otherwise.</summary>
internal sealed class Monitors : IDisposable
{
    private readonly MonitorServer _server;
    private readonly Machine _machine;
    private readonly List<MonitorEndpoint> _endpoints = [];
    private readonly List<MuxMonitor> _muxed = [];
    private readonly List<Qmp.Sessions.Monitor> _monitors = [];
    private readonly List<Qmp.Sessions.Monitor> _others = [];
    private bool _serves;

    internal Monitors(
        ProgramConfiguration configuration, Machine machine, EventLoop ioLoop, Migrator migrator, IEndWatch endWatch, ILogger log)
    {
        _machine = machine;
        _server = new MonitorServer(log);
        var events = new EventBroadcaster(machine.Loop, TimeProvider.System);
        MachineEvents.Broadcast(machine, migrator, events);

        var hold = new CommandHold(machine.Loop);
        HmpExecutor? hmp = null;
        var handlers = new CommandHandlers
        {
            Block = new BlockCommands(machine),
            Char = new CharCommands(ListChardevs, id => machine.Board?.Chardevs.FirstOrDefault(chardev => chardev.Label == id), machine.Chardevs),
            Control = new ControlCommands(machine),
            Introspect = new IntrospectCommands(),
            Machine = new MachineCommands(machine),
            Migration = new MigrationCommands(migrator),
            Misc = new MiscCommands((line, context) => hmp!.ExecuteAsync(line, context), configuration.Machine.Topology.Count),
            Net = new NetCommands(machine.Netdevs),
            Qdev = new QdevCommands(),
            Qom = new QomCommands(machine),
            RunState = new RunStateCommands(machine),
            Stats = new StatsCommands(machine.Netdevs),
        };
        hmp = new HmpExecutor(handlers, migrator.SettledAsync, () => machine.Board?.Regions ?? [], ChardevOption.Read, NetdevOption.Read, () => NetCommands.Lines(machine.Netdevs), log);
        var qmp = new QmpService(machine.Loop, QmpCommand.Catalogue(handlers), events, log) { EndWatch = endWatch, Hold = hold };
        foreach (var monitor in configuration.Monitors)
        {
            var chardev = configuration.Machine.Chardevs.First(c => c.Id == monitor.ChardevId);
            if (chardev.Mux && configuration.Machine.Devices.Any(device => device.UsesChardev(chardev.Id)))
            {
                var muxed = new MuxMonitor(chardev.Id, _others.Count(other => other.Name == chardev.Id) + 1, machine, ioLoop);
                _muxed.Add(muxed);
                machine.Handover.Add(muxed);
                _others.Add(new HmpMonitor(chardev.Id, muxed, hmp, machine.Loop, log, endWatch, hold));
                continue;
            }

            var endpoint = new MonitorEndpoint(chardev, _server, machine.Loop, log);
            _endpoints.Add(endpoint);
            machine.Handover.Add(endpoint);
            _monitors.Add(monitor.Mode == MonitorMode.Control
                ? new QmpMonitor(chardev.Id, endpoint.Source, qmp, monitor.Pretty)
                : new HmpMonitor(chardev.Id, endpoint.Source, hmp, machine.Loop, log, endWatch, hold));
        }

        var sessions = new SessionCrossing(_server, [.. _monitors, .. _others], hold, machine.Gate.WithdrawWaiting, log);
        machine.Handover.AddExec(new MonitorCrossing(sessions, _endpoints, _muxed, Serve));
    }

    /// <summary>Opens every monitor's end and begins to serve; the machine can answer from now on.</summary>
    /// <param name="waiting">Whether this process waits for a guest.</param>
    internal void Open(bool waiting)
    {
        _endpoints.ForEach(endpoint => endpoint.Open(waiting));
        Serve();
    }

    /// <summary>Begins to serve, once; without opening anything: the guest of another program brings the sockets.</summary>
    internal void Serve()
    {
        if (_serves)
        {
            return;
        }

        _serves = true;
        _monitors.ForEach(_server.Add);
        _others.ForEach(_server.Add);
    }

    /// <summary>Gives the monitors that share a mux with devices their places there: the machine has its hardware.</summary>
    internal void TakePlaces() => _muxed.ForEach(monitor => monitor.TakePlace());

    /// <summary>Completes when every monitor that is waited for has a client.</summary>
    internal Task FirstClients() => Task.WhenAll(_endpoints.Select(endpoint => endpoint.FirstClient));

    /// <summary>Sends what is queued for clients.</summary>
    internal Task FlushAsync(TimeSpan timeout) => _server.FlushAsync(timeout);

    /// <inheritdoc/>
    public void Dispose()
    {
        _server.Dispose();
        _endpoints.ForEach(endpoint => endpoint.Dispose());
        _muxed.ForEach(monitor => monitor.Dispose());
    }

    private IEnumerable<ChardevInfo> ListChardevs() =>
    [
        .. _endpoints.Zip(
            _monitors,
            (end, monitor) => new ChardevInfo { Label = end.Label, Filename = end.FileName(monitor.IsConnected), FrontendOpen = true }),
        .. (_machine.Board?.Chardevs ?? []).Select(
            c => new ChardevInfo { Label = c.Label, Filename = c.FileName, FrontendOpen = c.FrontendOpen }),
        .. (_machine.Board?.Chardevs ?? []).OfType<MuxChardev>().Select(
            mux => new ChardevInfo { Label = $"{mux.Label}-base", Filename = mux.BackEnd.FileName, FrontendOpen = true }),
    ];
}
