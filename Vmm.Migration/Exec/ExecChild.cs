// A program that is started beside the guest for an update by exec: the new one, to be asked, or the keeper. It speaks the protocol of a process that waits
// for a guest, over sockets that it was started with.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;

namespace Vmm.Migration.Exec;

/// <summary>A child, and the handover to it. Machine loop only.</summary>
internal sealed class ExecChild : IDisposable
{
    /// <summary>How long it may take to end after this process has hung up.</summary>
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(1);

    private readonly EventLoop _loop;
    private readonly SafeFileHandle _channel;
    private readonly SafeFileHandle? _main;
    private bool _isClosed;

    private ExecChild(EventLoop loop, WaitingProgram program, SafeFileHandle channel, SafeFileHandle? main, string name)
    {
        (_loop, Program, _channel, _main, Name) = (loop, program, channel, main, name);
    }

    /// <summary>The child.</summary>
    internal WaitingProgram Program { get; }

    /// <summary>The child, for texts.</summary>
    internal string Name { get; }

    /// <summary>Starts the command of the operator, to be asked.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="command">The command.</param>
    /// <exception cref="HandoverException">It cannot be started.</exception>
    internal static ExecChild StartNew(Machine machine, IReadOnlyList<string> command)
    {
        byte[][] arguments = [.. command.Select(System.Text.Encoding.UTF8.GetBytes)];
        string path = ProgramImage.Find(command[0])
            ?? throw new HandoverException($"execvp {command[0]} failed: No such file or directory");
        try
        {
            return Start(machine, path, arguments, patience: null);
        }
        catch (PosixException e)
        {
            throw new HandoverException($"execvp {command[0]} failed: {e.Reason}", e);
        }
    }

    /// <summary>Starts this program once more, to keep the guest.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="image">Its file.</param>
    /// <param name="patience">How long it lets this process, or the program that replaces it, be silent before it takes the guest; in milliseconds.</param>
    /// <exception cref="HandoverException">It cannot be started.</exception>
    internal static ExecChild StartKeeper(Machine machine, SafeFileHandle image, uint patience)
    {
        try
        {
            return Start(machine, $"/proc/self/fd/{ExecStart.Number(image)}", ProgramImage.Arguments, patience);
        }
        catch (PosixException e)
        {
            throw new HandoverException($"the keeper cannot be started: {e.Message}", e);
        }
    }

    /// <summary>How a handover reaches it.</summary>
    internal HandoverLink Link => new(
        () => new MessageChannel(_loop, FileDescriptor.Duplicate(_channel), Name),
        _ => new PeerProcess(_loop, Name, FileDescriptor.Duplicate(Program.Process)),
        (loop, _) => ValueTask.FromResult(new LoopSocket(loop, FileDescriptor.Duplicate(_main ?? throw new HandoverException("there is no main channel")))));

    /// <summary>This process's end of the cpr channel, as long as which is open the keeper waits.</summary>
    internal SafeFileHandle Channel => _channel;

    /// <summary>Hangs up, and waits until it has ended, at most for a second; one that does not end is killed.</summary>
    internal async Task EndAsync()
    {
        HangUp();
        if (!PidFd.HasEnded(Program.Process))
        {
            var ended = new TaskCompletionSource();
            using var watch = _loop.Watch(Program.Process, FdEvents.In, _ => ended.TrySetResult());
            await Task.WhenAny(ended.Task, _loop.Delay(EndLimit));
        }

        Dispose();
    }

    /// <summary>It has the guest, and is not this process's to end.</summary>
    internal void Leave()
    {
        _isClosed = true;
        HangUp();
        new ChildEnd(Program.Release()).Await(_loop);
        Program.Dispose();
    }

    /// <summary>Kills it if it has not ended. What is killed may take a while to end, and is not waited for here.</summary>
    public void Dispose()
    {
        if (_isClosed)
        {
            return;
        }

        _isClosed = true;
        HangUp();
        if (Program.End() is null)
        {
            Program.Kill();
            new ChildEnd(Program.Release()).Await(_loop);
        }

        Program.Dispose();
    }

    private void HangUp()
    {
        _channel.Dispose();
        _main?.Dispose();
    }

    private static ExecChild Start(Machine machine, string path, IReadOnlyList<byte[]> arguments, uint? patience)
    {
        bool isKeeper = patience is not null;
        var ours = new List<SafeFileHandle>();
        var theirs = new List<SafeFileHandle>();
        try
        {
            for (int pair = 0; pair < (isKeeper ? 2 : 1); pair++)
            {
                var (one, other) = UnixSocket.CreatePair();
                ours.Add(one);
                theirs.Add(other);
            }

            var environment = isKeeper
                ? ExecStart.Environment(theirs[0], (ExecStart.KeeperVariable, $"{ExecStart.Number(theirs[1])},{patience}"))
                : ExecStart.Environment(theirs[0]);
            var program = WaitingProgram.Start(
                path,
                arguments,
                environment,
                [.. theirs, .. machine.Handover.ExecParts.SelectMany(part => part.Inherited).Select(inherited => inherited.Handle)],
                keepsWords: !isKeeper);
            return new ExecChild(
                machine.Loop, program, ours[0], isKeeper ? ours[1] : null, isKeeper ? $"the keeper (process {program.Id})" : $"the new program (process {program.Id})");
        }
        catch
        {
            ours.ForEach(handle => handle.Dispose());
            throw;
        }
        finally
        {
            theirs.ForEach(handle => handle.Dispose());
        }
    }
}
