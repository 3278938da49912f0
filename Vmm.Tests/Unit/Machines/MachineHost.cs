// One "process" of a test: a machine loop and an I/O loop on threads of their own, a machine on a fake hypervisor, its
// migrations, and a log of everything that would be reported to management.

using Microsoft.Extensions.Logging.Abstractions;
using Vmm.Core.Configuration;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Migration.Settings;

namespace Vmm.Tests.Unit.Machines;

/// <summary>A machine with its loops. Members may be called from any thread.</summary>
internal sealed class MachineHost : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly EventLoop _loop;
    private readonly EventLoop _io;

    internal MachineHost(MachineConfiguration configuration, GuestOwnership ownership)
    {
        _loop = new EventLoop("machine");
        _io = new EventLoop("io");
        Hypervisor = new FakeHypervisor(ownership);
        Machine = new Machine(configuration, Hypervisor, _loop, _io, TimeProvider.System, NullLogger.Instance);
        Migrator = new Migrator(Machine, Log);
        Migrator.EnableEvents();
        Machine.EventRaised += machineEvent => Events.Add(Name(machineEvent));
        Machine.ExitRequested += status => Events.Add($"EXIT {status}");
        Migrator.StatusChanged += status => Events.Add(status.Name());
        Migrator.PassBegan += pass => Events.Add($"PASS {pass}");
        Migrator.IncomingFailed += reason => Events.Add("INCOMING FAILED");
        _loop.UnhandledException = e => Events.Add($"UNHANDLED {e}");
        _io.UnhandledException = e => Events.Add($"UNHANDLED {e}");
        _loop.Start();
        _io.Start();
    }

    internal FakeHypervisor Hypervisor { get; }

    internal Machine Machine { get; }

    internal Migrator Migrator { get; }

    internal EventLoop Loop => _loop;

    internal EventLoop IoLoop => _io;

    /// <summary>What the migrations log.</summary>
    internal LogLines Log { get; } = new();

    internal EventLog Events { get; } = new();

    internal RunState State => Ask(m => m.State);

    internal Board Board => Ask(m => m.Board) ?? throw new InvalidOperationException("this machine has no board");

    internal MigrationReport Report => Do(() => Migrator.Report());

    /// <summary>Runs something on the machine loop.</summary>
    internal async Task<T> DoAsync<T>(Func<Task<T>> function) => await _loop.InvokeAsync(function).WaitAsync(Timeout);

    /// <summary>Runs something on the machine loop.</summary>
    internal Task DoAsync(Func<Task> function) => DoAsync(async () =>
    {
        await function();
        return true;
    });

    /// <summary>Runs something short on the machine loop.</summary>
    internal T Do<T>(Func<T> function) => DoAsync(() => Task.FromResult(function())).GetAwaiter().GetResult();

    /// <summary>Runs something short on the machine loop.</summary>
    internal void Do(Action action) => Do(() =>
    {
        action();
        return true;
    });

    internal T Ask<T>(Func<Machine, T> question) => Do(() => question(Machine));

    internal void Migrate(MigrationTarget target) => Do(() => Migrator.Migrate(target));

    internal void Set(Func<MigrationParameters, MigrationParameters> change) =>
        Do(() => Migrator.SetParameters(change(Migrator.Parameters)));

    internal void AwaitGuest(string cpr, string? main) =>
        Do(() => Migrator.AwaitGuest(new UnixAddress(cpr), main is null ? null : new UnixAddress(main)));

    /// <summary>Waits for a guest that comes in a stream.</summary>
    internal void AwaitStream(string? uri) => Do(() => Migrator.AwaitGuest(cpr: null, uri is null ? null : ChannelAddress.ParseUri(uri)));

    /// <summary>Completes when an arriving guest's VM is made.</summary>
    internal Task HasBuilt() => Hypervisor.Created.Task.WaitAsync(Timeout);

    /// <summary>The guest writes to its first serial port.</summary>
    internal void GuestWrites(string text)
    {
        foreach (char c in text)
        {
            Board.PortWrite(0x3f8, 1, c);
        }
    }

    public void Dispose()
    {
        Do(Migrator.Dispose);
        Do(Machine.Dispose);
        _loop.StopAndJoin();
        _io.StopAndJoin();
        _loop.Dispose();
        _io.Dispose();
    }

    private static string Name(MachineEvent machineEvent) => machineEvent switch
    {
        MachineStopped => "STOP",
        MachineResumed => "RESUME",
        MachineReset reset => $"RESET {reset.Cause}",
        MachineShutdown shutdown => $"SHUTDOWN {shutdown.Cause}",
        MachinePowerButton => "POWERDOWN",
        GuestPortChanged port => $"PORT {port.Id} {(port.IsOpen ? "open" : "closed")}",
        MachineNetdevConnected netdev => $"NETDEV {netdev.Id} {netdev.Address}",
        MachineNetdevDisconnected netdev => $"NETDEV {netdev.Id} gone",
        MachineReceiveFilterChanged card => $"FILTER {card.Id} {card.Path}",
        _ => machineEvent.ToString(),
    };
}
