// The commands of all sessions of a process, so that none begins and none runs when the program is replaced.
//
// Each command asks here before its first step, on the machine loop, and says when its answer is in the client's queue. One that comes while commands
// are held waits here and has had no effect: it crosses as a request and is executed in the next program, or here when that does not come. One
// that waits for the end of the migration which replaces the program does not count as running: its answer crosses as owed.

using System.Collections.Concurrent;
using Vmm.Core.Loop;
using Vmm.Core.Machines;

namespace Vmm.Qmp.Sessions;

/// <summary>Lets commands of monitors begin, or holds them. Machine loop only, except where a member says otherwise.</summary>
/// <param name="machine">The machine loop.</param>
public sealed class CommandHold(EventLoop machine)
{
    private readonly ConcurrentDictionary<CommandPass, string> _running = new();
    private TaskCompletionSource? _released;
    private TaskCompletionSource? _rest;

    /// <summary>No further command begins.</summary>
    internal void Begin() => _released ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What was held begins, in the order in which it came.</summary>
    internal void End()
    {
        var released = _released;
        _released = null;
        released?.SetResult();
    }

    /// <summary>Waits until a command may begin; dispose the pass when its answer is in the client's queue.</summary>
    internal async Task<CommandPass> EnterAsync(string command)
    {
        while (_released is { } released)
        {
            await released.Task;
        }

        var pass = new CommandPass(this, command);
        pass.Continue();
        return pass;
    }

    /// <summary>Completes when no command runs.</summary>
    /// <param name="atMost">How long it may take.</param>
    /// <exception cref="MachineException">One runs still.</exception>
    internal async Task RestAsync(TimeSpan atMost)
    {
        var rest = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _rest, rest);
        using var limit = machine.After(atMost, () => rest.TrySetResult());
        ReportRest();
        await rest.Task;
        _rest = null;
        if (_running.Values.FirstOrDefault() is { } command)
        {
            throw new MachineException(
                $"monitor command '{command}' has not ended within {(long)atMost.TotalMilliseconds} ms, and the program cannot be replaced while it runs; wait for it and try again");
        }
    }

    /// <summary>Any thread.</summary>
    internal void Add(CommandPass pass, string command) => _running[pass] = command;

    /// <summary>Any thread.</summary>
    internal void Remove(CommandPass pass)
    {
        if (_running.TryRemove(pass, out _))
        {
            ReportRest();
        }
    }

    private void ReportRest()
    {
        if (_running.IsEmpty)
        {
            Volatile.Read(ref _rest)?.TrySetResult();
        }
    }
}
