// A network without privileges: a passt of the guest's own, on one end of a socket pair. It is started with the machine, crosses an update with its socket and
// its process's descriptor, and is ended with the machine.
//
// A passt that ends by itself takes the guest's connections with it, and nothing else that the guest would need: so it is started again, after a pause that
// doubles while it does not last, and the guest sees its cable pulled out and plugged in again. While the guest is stopped on its way to another process nothing
// does anything about it; the process that has the guest then does. One that was started between the plan and the stop is not the one that crosses: it ends with
// the old process, and the new one, which finds a dead one, starts its own.

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Core.State;

namespace Vmm.Core.Backends.Net;

/// <summary>A netdev of kind user. Machine loop only, except its queue.</summary>
public sealed class UserNetdev : NetBackEnd
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongEnough = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(2);

    private readonly UserNetdevConfiguration _configuration;
    private readonly EventLoop _loop;
    private readonly ILogger _log;
    private readonly StreamLink _link;
    private readonly DescriptorSlot _connection;
    private readonly DescriptorSlot _process;
    private SupervisedProgram? _program;
    private SupervisedProgram? _ending;
    private SupervisedProgram? _exported;
    private TimeSpan _pause;
    private long _startedAt;
    private bool _isOwner;
    private bool _isResting;
    private bool _isDue;
    private bool _isStarting;
    private bool _isListed;

    /// <summary>Creates it; nothing is started yet.</summary>
    /// <param name="configuration">What it is to be.</param>
    /// <param name="loop">The loop of the back ends.</param>
    /// <param name="log">Where failures are reported.</param>
    public UserNetdev(UserNetdevConfiguration configuration, EventLoop loop, ILogger log)
        : base(configuration)
    {
        (_configuration, _loop, _log) = (configuration, loop, log);
        _link = new StreamLink(Id, loop, log) { Vacant = Seek, Occupied = Supervise, Changed = _ => ConnectionChanged?.Invoke() };
        _connection = new DescriptorSlot($"netdev/{Id}/connection", StreamKind.Connection);
        _process = new DescriptorSlot(
            $"netdev/{Id}/program", handle => PidFd.IsPidFd(handle) ? null : "the descriptor of a process expected, this is none");
    }

    /// <inheritdoc/>
    public override int QueueCount => 1;

    /// <inheritdoc/>
    public override bool HasHeaders => false;

    /// <inheritdoc/>
    public override string Description => $"type={UserNetdevConfiguration.Name},{PasstProgram.Name}";

    /// <inheritdoc/>
    public override IStateful State => _link.Queue;

    /// <inheritdoc/>
    public override bool IsConnected => _link.IsConnected;

    /// <summary>The program: a name or a path.</summary>
    internal string Program { get; init; } = PasstProgram.Name;

    /// <summary>Starts it: its file or name, its arguments.</summary>
    internal Func<string, IReadOnlyList<string>, (SupervisedProgram Program, SafeFileHandle Socket)> StartProgram { get; init; } = PasstProgram.Start;

    /// <summary>How long after its end it is started again.</summary>
    internal TimeSpan FirstPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the start of a machine waits for it to be ready.</summary>
    internal TimeSpan ReadyLimit { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The number of its process if this process started it; 0 otherwise, and while there is none.</summary>
    internal int ProcessId
    {
        get
        {
            lock (_link.Gate)
            {
                return _program?.ProcessId ?? 0;
            }
        }
    }

    /// <inheritdoc/>
    public override void Open()
    {
        try
        {
            var (program, socket) = StartProgram(Program, _configuration.Arguments);
            if (PasstProgram.WhyNotReady(program, ReadyLimit) is { } why)
            {
                socket.Dispose();
                program.Close();
                throw new IOException($"{Program} {why}");
            }

            lock (_link.Gate)
            {
                _isOwner = true;
                Use(program);
                _link.PlugAtOnce(socket);
            }
        }
        catch (IOException error)
        {
            throw new NetException($"netdev '{Id}': {error.Message}", error);
        }
    }

    /// <inheritdoc/>
    public override void Adopt(HandedOverDescriptors handedOver)
    {
        try
        {
            bool hasConnection = _connection.Prepare(handedOver);
            if (_process.Prepare(handedOver) != hasConnection)
            {
                throw new IOException($"{(hasConnection ? _process.Name : _connection.Name)}: missing, and {(hasConnection ? _connection.Name : _process.Name)} came");
            }
        }
        catch (IOException error)
        {
            DropReceived();
            throw new NetException($"netdev '{Id}': {error.Message}", error);
        }

        lock (_link.Gate)
        {
            if (_process.Take() is { } process && _connection.Take() is { } connection)
            {
                Use(SupervisedProgram.Adopt(process));
                _link.PlugAtOnce(connection);
            }
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<HandoverDescriptor> Export()
    {
        lock (_link.Gate)
        {
            ForgetExported(_program);
            _isListed = true;

            // Neither is of use without the other.
            if (_program is null || _link.Export() is not { } connection)
            {
                return [];
            }

            _exported = _program;
            return [.. _connection.Export(connection), .. _process.Export(_program.Process)];
        }
    }

    /// <inheritdoc/>
    public override NetQueue QueueAt(int pair)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(pair, 0);
        return _link.Queue;
    }

    /// <inheritdoc/>
    public override void Start()
    {
        _isOwner = true;
        lock (_link.Gate)
        {
            ForgetExported(_program);
        }

        _link.Start();
    }

    /// <inheritdoc/>
    public override void Quiesce() => _link.Hold();

    /// <inheritdoc/>
    public override void Release()
    {
        _link.Close();
        var (program, isNextOnes) = TakeProgram();
        if (!isNextOnes)
        {
            // It was started after the plan: the next process does not have it.
            program?.ForceEnd(_log);
        }

        _loop.Post(() => program?.Leave(_loop));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing)
        {
            return;
        }

        if (!_isOwner)
        {
            // The guest, and the program with it, is another process's.
            Release();
            return;
        }

        _link.Close();
        _link.Queue.Dispose();
        if (TakeProgram().Program is { } program)
        {
            program.End(_log);
            _loop.Post(program.Close);
        }
    }

    /// <summary>The program that there is, and whether the next process has it where one was prepared.</summary>
    private (SupervisedProgram? Program, bool IsNextOnes) TakeProgram()
    {
        DropReceived();
        lock (_link.Gate)
        {
            var taken = (_program, !_isListed || _program == _exported);
            ForgetExported(_program);
            _program = null;
            return taken;
        }
    }

    private void DropReceived()
    {
        _connection.Drop();
        _process.Drop();
    }

    /// <summary>The next process needs nothing any more, or has it. Gate held.</summary>
    /// <param name="current">The program that there still is.</param>
    private void ForgetExported(SupervisedProgram? current)
    {
        if (_exported != current)
        {
            _exported?.Close();
        }

        (_exported, _isListed) = (null, false);
    }

    private void Use(SupervisedProgram program) => (_program, _startedAt) = (program, Environment.TickCount64);

    /// <summary>There is no connection: starts the program, when it is time for it. On the loop, gate held.</summary>
    private void Seek()
    {
        if (_program is { } program)
        {
            // It has closed its socket, or speaks nonsense, and lives: its end is what brings the next one.
            EndUseless(program);
        }
        else if (_isDue)
        {
            (_isDue, _isStarting) = (false, true);
            _loop.Post(Restart);
        }
        else if (!_isResting && !_isStarting)
        {
            Rest();
        }
    }

    /// <summary>On the loop, gate held: its end is noticed while the guest is here.</summary>
    private void Supervise()
    {
        if (_link.IsActive)
        {
            _program?.Watch(_loop, OnEnded);
        }
        else
        {
            _program?.Unwatch();
        }
    }

    private void EndUseless(SupervisedProgram program)
    {
        Supervise();
        if (_ending != program)
        {
            _ending = program;
            program.RequestEnd(_log);
            _loop.After(EndLimit, () => ForceEnd(program));
        }
    }

    private void ForceEnd(SupervisedProgram program)
    {
        lock (_link.Gate)
        {
            if (_program == program)
            {
                program.ForceEnd(_log);
            }
        }
    }

    private void OnEnded()
    {
        lock (_link.Gate)
        {
            if (!_link.IsActive || _program is not { } program)
            {
                return;
            }

            _program = null;
            _pause = _pause == TimeSpan.Zero || Environment.TickCount64 - _startedAt > LongEnough.TotalMilliseconds ? FirstPause : Longer(_pause);
            StreamLog.ProgramEnded(_log, Id, Program, program.Reap(), _pause.TotalSeconds);
            if (program != _exported)
            {
                program.Close();
            }

            _link.Unplug();
            _link.PostSettle();
        }
    }

    private static TimeSpan Longer(TimeSpan pause) => pause * 2 < LongestPause ? pause * 2 : LongestPause;

    private void Rest()
    {
        _isResting = true;
        _pause = _pause == TimeSpan.Zero ? FirstPause : _pause;
        _loop.After(_pause, () =>
        {
            lock (_link.Gate)
            {
                (_isResting, _isDue) = (false, true);
                _link.PostSettle();
            }
        });
    }

    /// <summary>Starts the program, which takes its time: the gate, for which the guest may have to wait, is not held. On the loop.</summary>
    private void Restart()
    {
        SupervisedProgram? program = null;
        SafeFileHandle? socket = null;
        string failure = "";
        try
        {
            (program, socket) = StartProgram(Program, _configuration.Arguments);
        }
        catch (IOException error)
        {
            failure = error.Message;
        }

        lock (_link.Gate)
        {
            _isStarting = false;
            if (program is null || socket is null)
            {
                StreamLog.ProgramNotStarted(_log, Id, failure);
                _pause = Longer(_pause);
                Rest();
            }
            else if (_link.IsActive)
            {
                Use(program);
                _link.Plug(socket);
                StreamLog.ProgramRestarted(_log, Id, Program);
            }
            else
            {
                // The guest is stopped meanwhile, or gone: if it stays, another one is started.
                _isDue = true;
                socket.Dispose();
                program.ForceEnd(_log);
                program.Leave(_loop);
            }
        }
    }
}
