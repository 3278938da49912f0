// The composition root: puts a process together from its configuration, runs it, and takes it apart.
//
// The main thread becomes the machine loop. Everything else has its own thread: monitors' bytes, back ends' bytes, one
// thread per vCPU. All threads are started here, before the guest: later the host may give none. What ends the process (quit, a
// signal, the guest) comes to the loop as an exit status; the monitors send what is queued, then the loop ends. EndWatch holds
// that to its time.
//
// What escapes from anything that runs in here is a defect: it is logged with its stack, and the process, which may own a guest, stays.

using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Vmm.CommandLine;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Core.Supervision;
using Vmm.Kvm;
using Vmm.Migration;

namespace Vmm.Hosting;

/// <summary>One running vmm process.</summary>
internal sealed partial class VmmHost : IDisposable
{
    private static readonly TimeSpan FinalOutputLimit = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Threads besides those of vCPUs and pool: back ends' and monitors' loops, and one of KVM's, which it makes when a VM's first vCPU first
    /// runs and which counts as this process's. KVM_RUN answers EAGAIN as long as it cannot be made.
    /// </summary>
    private const int OtherThreads = 3;

    /// <summary>Never disposed: it has the runtime start its thread for terminals' signals while threads can still be made.</summary>
    private static PosixSignalRegistration? _terminalSignals;

    private readonly ProgramConfiguration _configuration;
    private readonly EventLoop _loop = new("machine");
    private readonly EventLoop _ioLoop = new("io");
    private readonly LogSink _sink;
    private readonly LineLogger _logger;
    private readonly SystemdNotification _supervisor;
    private readonly EndWatch _endWatch;
    private readonly KvmHypervisor _hypervisor;
    private readonly Machine _machine;
    private readonly Migrator _migrator;
    private readonly PidFile? _pidFile;
    private readonly Monitors _monitors;
    private readonly StartProcessor _startProcessor = new();
    private bool _ending;

    /// <summary>The exit status of a process that was not asked to end: one that could not start.</summary>
    private int _status = 1;

    internal VmmHost(ProgramConfiguration configuration)
    {
        _configuration = configuration;

        // Before there is another thread: each inherits what is blocked in the one that makes it.
        var endingSignals = EndingSignals.Take();
        _sink = new LogSink(TimeProvider.System, configuration.TimestampMessages);
        _logger = LoggerOf();
        if (configuration.LogFile is { } log)
        {
            _sink.UseFile(log);
        }

        _supervisor = SystemdNotification.FromEnvironment(_logger);
        ContinueAfterDefects();
        _endWatch = new EndWatch(endingSignals, LimitOfEnd, Signalled, _logger);
        if (configuration.Exec?.HasReplaced == true)
        {
            // The program that is gone back to may be the one to read them.
            _endWatch.TryHold();
        }

        _endWatch.Start();
        PoolThreads.Start(others: configuration.Machine.Topology.Count + OtherThreads);
        _pidFile = configuration.PidFile is { } path ? new PidFile(path, _logger) : null;
        _hypervisor = new KvmHypervisor(LoggerOf("kvm"));
        _hypervisor.PrepareThreads(configuration.Machine.Topology.Count);
        if (configuration.Machine.Chardevs.Any(chardev => chardev is StdioChardevConfiguration))
        {
#pragma warning disable CA1416 // Linux only, as the whole program.
            _terminalSignals ??= PosixSignalRegistration.Create(PosixSignal.SIGCONT, static _ => { });
#pragma warning restore CA1416
        }

        _machine = new Machine(configuration.Machine, _hypervisor, _loop, _ioLoop, TimeProvider.System, LoggerOf("core"));
        _migrator = new Migrator(_machine, LoggerOf("migration"), _supervisor);
        _monitors = new Monitors(configuration, _machine, _ioLoop, _migrator, _endWatch, LoggerOf("qmp"));
        if (configuration.MigrationEvents)
        {
            _migrator.EnableEvents();
        }
    }

    /// <summary>Runs a process to its end.</summary>
    /// <returns>The exit status.</returns>
    internal static int Run(ProgramConfiguration configuration)
    {
        ProcessMemory.ShareHeap();
        VmmHost? host = null;
        try
        {
            host = new VmmHost(configuration);
            return host.Run();
        }
        finally
        {
            host?.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Where this comes after a start that failed.
        _endWatch.Begin(_status);
        TakeDown(_migrator);
        TakeDown(_monitors);
        TakeDown(_machine);
        _ioLoop.StopAndJoin();
        TakeDown(_hypervisor);
        TakeDown(_pidFile);
        TakeDown(_sink);
        _ioLoop.Dispose();
        _loop.Dispose();
    }

    private int Run()
    {
        Exception? failure = null;
        _machine.ExitRequested += End;
        _migrator.IncomingFailed += _ => End(1);
        _ioLoop.Start();
        _startProcessor.Dispose();
        _loop.Post(async () =>
        {
            try
            {
                await StartAsync();
            }
            catch (Exception e)
            {
                // Without effect unless this program has replaced another; then what was here before takes the guest, and nothing is closed.
                if (_configuration.Exec?.GoBack(StartUpError.Explain(e)) is { } closed)
                {
                    _sink.Write($"vmm: the way back to the program before is closed: {closed}");
                }

                failure = e;
                _loop.Stop();
            }
        });
        _loop.Run();
        if (failure is not null)
        {
            _sink.Write($"vmm: {StartUpError.Explain(failure)}");
        }

        return _status;
    }

    private async Task StartAsync()
    {
        _machine.Handover.AddExec(new EndCrossing(_endWatch));
        _machine.Handover.AddExec(new TerminalCrossing());
        _machine.Handover.Add(_sink);
        if (_pidFile is not null)
        {
            _machine.Handover.Add(_pidFile);
        }

        if (_configuration.Exec is { } exec)
        {
            _machine.AwaitGuest(continues: exec.HadGuest);
            await _migrator.AwaitGuestAsync(exec);
            _endWatch.Release();
            if (_machine.State != RunState.Inmigrate)
            {
                // The guest is here, and no error is one of a start any more.
                new BestEffort(_logger, "the guest was taken over").Do("serve the monitors", _monitors.Serve);
            }

            return;
        }

        var incoming = _configuration.Incoming;
        if (incoming is not null)
        {
            // Before a monitor can ask.
            _machine.AwaitGuest();
        }

        // Only from an old process comes what this one logs to and is watched by.
        bool isUpdate = incoming?.Cpr is not null;
        if (!isUpdate)
        {
            _sink.Open();
            _pidFile?.Create();
        }

        _monitors.Open(isUpdate);
        if (incoming is not null)
        {
            if (!isUpdate)
            {
                _machine.Handover.Restored += () =>
                {
                    _monitors.TakePlaces();
                    ReportTerminals();
                };
            }

            _migrator.AwaitGuest(incoming.Cpr, incoming.Main);
        }
        else
        {
            await _monitors.FirstClients();
            _machine.PowerOn();
            _monitors.TakePlaces();
            ReportTerminals();
        }

        // A process that waits for a guest is ready too: its operator would wait for its start otherwise, and it for its operator.
        _supervisor.Ready();
        if (_configuration.Ready is { } ready)
        {
            BackgroundProgram.Detach(ready);
            ready.Dispose();
        }
    }

    /// <summary>Says under which names the pseudo-terminals of a first boot are found, as QEMU does: on stdout, unless bytes of a back end go there.</summary>
    private void ReportTerminals()
    {
        bool isTaken = _configuration.Machine.Chardevs.Any(chardev => chardev is StdioChardevConfiguration);
        foreach (var terminal in _machine.Board!.Chardevs.Select(chardev => chardev.BackEnd).OfType<PtyChardev>())
        {
            string line = $"char device redirected to {terminal.SlavePath} (label {terminal.Label})";
            if (isTaken)
            {
                StandardStream.WriteError(line);
            }
            else
            {
                StandardStream.WriteOutput(line);
            }
        }
    }

    private void Signalled()
    {
        // One that comes while the process already ends changes nothing.
        if (!Volatile.Read(ref _ending))
        {
            _loop.Post(() =>
            {
                if (!_ending)
                {
                    _machine.Quit(ShutdownCause.HostSignal);
                }
            });
        }
    }

    /// <summary>The limit of an orderly end is the one that bounds the pause of an update.</summary>
    private TimeSpan LimitOfEnd() => TimeSpan.FromMilliseconds((_migrator?.Parameters ?? new()).CprLoadTimeout);

    private void ContinueAfterDefects()
    {
        _loop.UnhandledException = _ioLoop.UnhandledException = ReportDefect;
        _loop.HostRefused = _ioLoop.HostRefused = refusal => LogPolled(_logger, refusal.Message);
        TaskScheduler.UnobservedTaskException += (_, unobserved) =>
        {
            unobserved.SetObserved();
            foreach (var e in unobserved.Exception.InnerExceptions)
            {
                // What was refused, or given up, is reported by the code that began it.
                if (!StartUpError.IsRefusal(e) && e is not (OperationCanceledException or ObjectDisposedException))
                {
                    ReportDefect(e);
                }
            }
        };
        ExceptionHandling.SetUnhandledExceptionHandler(defect =>
        {
            ReportDefect(defect);
            return true;
        });
    }

    /// <summary>Reports a defect, as long as the host gives the memory that it takes: a process that owns a guest does not end because a report fails.</summary>
    private void ReportDefect(Exception defect)
    {
        try
        {
            LogDefect(_logger, defect.ToString());
        }
        catch (OutOfMemoryException)
        {
            return;
        }
    }

    private void TakeDown(IDisposable? part)
    {
        try
        {
            part?.Dispose();
        }
        catch (Exception e)
        {
            LogNotTakenDown(_logger, StartUpError.Explain(e));
        }
    }

    /// <summary>Ends the process once what is queued for the monitors' clients and the console's reader is sent. Machine loop.</summary>
    private void End(int status)
    {
        if (!_ending)
        {
            Volatile.Write(ref _ending, true);
            _status = status;
            _endWatch.Begin(status);
            if (_machine.State is not (RunState.Inmigrate or RunState.Postmigrate))
            {
                // Without a guest it may be one of several processes of a service that continues.
                _supervisor.Stopping();
            }

            _loop.Post(async () =>
            {
                try
                {
                    var timeout = FinalOutputLimit < _endWatch.Limit / 2 ? FinalOutputLimit : _endWatch.Limit / 2;
                    await Task.WhenAll(_monitors.FlushAsync(timeout), DeliverAsync(timeout));
                }
                finally
                {
                    _loop.Stop();
                }
            });
        }
    }

    /// <summary>Gives the guest's last output time to be read; a reader that does not read must not keep the process.</summary>
    private async Task DeliverAsync(TimeSpan timeout)
    {
        var delivered = _machine.DeliveredAsync();
        if (await Task.WhenAny(delivered, _loop.Delay(timeout)) != delivered)
        {
            LogUnread(_logger);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the guest's last output was not read and is lost")]
    private static partial void LogUnread(ILogger log);

    [LoggerMessage(Level = LogLevel.Error, Message = "internal error; the process continues: {Trace}")]
    private static partial void LogDefect(ILogger log, string trace);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the host does not watch a descriptor, which is polled until it does: {Reason}")]
    private static partial void LogPolled(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "not all could be cleared away at the end: {Reason}")]
    private static partial void LogNotTakenDown(ILogger log, string reason);

    /// <summary>The log of a part of the program; those that -d names log everything.</summary>
    private LineLogger LoggerOf(string? part = null) => new(
        _sink,
        _configuration.LogItems.Any(item => item == part || item == "all") ? LogLevel.Debug
            : _configuration.LogFile is not null ? LogLevel.Information
            : LogLevel.Warning);
}
