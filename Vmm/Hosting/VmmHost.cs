// The composition root: puts a process together from its configuration, runs it, and takes it apart.
//
// The main thread becomes the machine loop. Everything else has its own thread: monitors' bytes, back ends' bytes, one
// thread per vCPU. What ends the process (quit, a signal, the guest) comes to the loop as an exit status; the monitors
// get their last words out, then the loop ends.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Vmm.CommandLine;
using Vmm.Core.Boot;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Hypervisors;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.Memory;
using Vmm.Core.Native;
using Vmm.Kvm;
using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Qmp.Sessions;

namespace Vmm.Hosting;

/// <summary>One running vmm process.</summary>
internal sealed partial class VmmHost : IDisposable
{
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    private static readonly (PosixSignal Signal, int Number)[] EndingSignals =
        [(PosixSignal.SIGTERM, 15), (PosixSignal.SIGINT, 2), (PosixSignal.SIGHUP, 1)];

    /// <summary>Never given back: a signal that comes while the process clears up must not keep it from that.</summary>
    private static readonly List<PosixSignalRegistration> Signals = [];

    private readonly ProgramConfiguration _configuration;
    private readonly EventLoop _loop = new("machine");
    private readonly EventLoop _ioLoop = new("io");
    private readonly LogSink _sink;
    private readonly LineLogger _logger;
    private readonly KvmHypervisor _hypervisor;
    private readonly Machine _machine;
    private readonly Migrator _migrator;
    private readonly PidFile? _pidFile;
    private readonly Monitors _monitors;
    private bool _endAsked;
    private int _status;
    private bool _ending;

    internal VmmHost(ProgramConfiguration configuration)
    {
        _configuration = configuration;
        _sink = new LogSink(TimeProvider.System, configuration.TimestampMessages);
        _logger = LoggerOf();
        if (configuration.LogFile is { } log)
        {
            _sink.UseFile(log);
        }

        _pidFile = configuration.PidFile is { } path ? new PidFile(path, _logger) : null;
        _hypervisor = new KvmHypervisor(LoggerOf("kvm"));
        _machine = new Machine(configuration.Machine, _hypervisor, _loop, _ioLoop, TimeProvider.System, LoggerOf("core"));
        _migrator = new Migrator(_machine, LoggerOf("migration"));
        _monitors = new Monitors(configuration, _machine, _migrator, LoggerOf("qmp"));
        if (configuration.MigrationEvents)
        {
            _migrator.EnableEvents();
        }
    }

    /// <summary>Runs a process to its end.</summary>
    /// <returns>The exit status.</returns>
    internal static int Run(ProgramConfiguration configuration)
    {
        VmmHost? host = null;
        try
        {
            host = new VmmHost(configuration);
            return host.Run();
        }
        catch (Exception e) when (IsStartUpError(e))
        {
            Console.Error.WriteLine($"vmm: {e.Message}");
            return 1;
        }
        finally
        {
            host?.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Volatile.Write(ref _endAsked, true);
        _migrator.Dispose();
        _monitors.Dispose();
        _machine.Dispose();
        _ioLoop.StopAndJoin();
        _hypervisor.Dispose();
        _pidFile?.Dispose();
        _sink.Dispose();
        _ioLoop.Dispose();
        _loop.Dispose();
    }

    private int Run()
    {
        Exception? failure = null;
        _machine.ExitRequested += End;
        _migrator.IncomingFailed += _ => End(1);
        _ioLoop.Start();
        _loop.Post(async () =>
        {
            try
            {
                await StartAsync();
            }
            catch (Exception e) when (IsStartUpError(e))
            {
                failure = e;
                _loop.Stop();
            }
        });
        _loop.Run();
        if (failure is not null)
        {
            _sink.Write($"vmm: {failure.Message}");
            return 1;
        }

        return _status;
    }

    private async Task StartAsync()
    {
        _machine.Carry(_sink);
        if (_pidFile is not null)
        {
            _machine.Carry(_pidFile);
        }

        bool waiting = _configuration.Incoming is not null;
        if (waiting)
        {
            // Before a monitor can ask.
            _machine.AwaitGuest();
        }
        else
        {
            _sink.Open();
            _pidFile?.Create();
        }

        _monitors.Open(waiting);
        TakeSignals();
        if (_configuration.Incoming is { } incoming)
        {
            _migrator.AwaitGuest(
                incoming.Cpr ?? throw new MachineException(
                    "-incoming needs -cpr-uri or a channel of type cpr: migration mode 'normal' is not available in this version"),
                incoming.Main);
        }
        else
        {
            await _monitors.FirstClients();
            _machine.PowerOn();
            TellTerminals();
        }
    }

    /// <summary>Says under which names the pseudo-terminals of a first boot are found, as QEMU does: on stdout, unless bytes of a back end go there.</summary>
    private void TellTerminals()
    {
        bool isTaken = _configuration.Machine.Chardevs.Any(chardev => chardev is StdioChardevConfiguration);
        foreach (var terminal in _machine.Board!.Chardevs.OfType<PtyChardev>())
        {
            string told = $"char device redirected to {terminal.SlavePath} (label {terminal.Label})";
            try
            {
                (isTaken ? Console.Error : Console.Out).WriteLine(told);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The program was started without that stream: nobody is there to be told.
                return;
            }
        }
    }

    private void TakeSignals()
    {
        // Started in the background of a shell, or under nohup, some come ignored, and the runtime would leave them so. All before the
        // first registration: that is when the runtime looks at them and installs its handlers.
        foreach (var (_, number) in EndingSignals)
        {
            Posix.RestoreSignal(number);
        }

        foreach (var (signal, _) in EndingSignals)
        {
            Signals.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                if (!Interlocked.Exchange(ref _endAsked, true))
                {
                    _loop.Post(() => _machine.Quit(ShutdownCause.HostSignal));
                }
            }));
        }
    }

    /// <summary>Ends the process once what the monitors' clients and the console's reader are owed is sent. Machine loop.</summary>
    private void End(int status)
    {
        if (!_ending)
        {
            _ending = true;
            _status = status;
            _loop.Post(async () =>
            {
                await Task.WhenAll(_monitors.FlushAsync(LastWords), DeliverAsync());
                _loop.Stop();
            });
        }
    }

    /// <summary>Gives the guest's last output time to be read; a reader that does not read must not keep the process.</summary>
    private async Task DeliverAsync()
    {
        try
        {
            await _machine.DeliveredAsync().WaitAsync(LastWords);
        }
        catch (TimeoutException)
        {
            LogUnread(_logger);
        }
    }

    private static bool IsStartUpError(Exception e) => e is MachineException or HypervisorException or HandoverException or MigrationException
        or BootException or MemoryBackendException or GuestMemoryException or IOException or UnauthorizedAccessException or ArgumentException;

    [LoggerMessage(Level = LogLevel.Warning, Message = "the guest's last output was not read and is lost")]
    private static partial void LogUnread(ILogger log);

    /// <summary>The log of a part of the program; those that -d names tell everything.</summary>
    private LineLogger LoggerOf(string? part = null) => new(
        _sink,
        _configuration.LogItems.Any(item => item == part || item == "all") ? LogLevel.Debug
            : _configuration.LogFile is not null ? LogLevel.Information
            : LogLevel.Warning);
}
