// Watches one process pass the boundaries of a handover, and lets it continue. See Vmm.Migration/Handover/Boundary.cs: the
// process sends a byte that names the step and waits for one byte. Whatever was held when the observer lets everything
// pass continues too, and so does every later step.

using System.Net.Sockets;
using Vmm.Lab.Drivers;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>The other end of a process's observer socket.</summary>
internal sealed class StepObserver : IAsyncDisposable
{
    private static readonly byte[] Leave = [1];

    private readonly Lock _lock = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Journal<HandoverStep> _passed = new("the steps of the process");
    private readonly HashSet<HandoverStep> _held = [];
    private readonly Task _serving;
    private Socket? _process;
    private bool _open;
    private int _from;

    internal StepObserver(string path)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        Permissions.OpenToAll(path);
        _serving = ServeAsync();
    }

    /// <summary>Whether the process has a connection to here among its descriptors.</summary>
    internal bool IsConnected => _process is not null;

    /// <summary>The steps that it has done.</summary>
    internal IReadOnlyList<HandoverStep> Passed => _passed.Entries;

    /// <summary>Waits until the process has done a step, after which it is held.</summary>
    internal Task WaitForAsync(HandoverStep step) =>
        _passed.FindAsync(_from, s => s == step, $"step {step}", Timeouts.Answer, CancellationToken.None);

    /// <summary>Lets a process that is held after a step continue.</summary>
    internal void Release(HandoverStep step)
    {
        lock (_lock)
        {
            if (_held.Remove(step))
            {
                Reply();
            }
        }
    }

    /// <summary>Holds the process nowhere any more.</summary>
    internal void ReleaseAll()
    {
        lock (_lock)
        {
            _open = true;
            if (_held.Count > 0)
            {
                _held.Clear();
                Reply();
            }
        }
    }

    /// <summary>Begins anew: holds the process after each step of its next attempt.</summary>
    internal void HoldAll()
    {
        lock (_lock)
        {
            _open = false;
            _from = _passed.Entries.Length;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        _process?.Dispose();
        await _serving;
    }

    private async Task ServeAsync()
    {
        var step = new byte[1];
        try
        {
            _process = await _listener.AcceptAsync();
            while (await _process.ReceiveAsync(step) == 1)
            {
                lock (_lock)
                {
                    if (_open)
                    {
                        Reply();
                    }
                    else
                    {
                        _held.Add((HandoverStep)step[0]);
                    }
                }

                _passed.Add((HandoverStep)step[0]);
            }

            _passed.End("it closed its end");
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            _passed.End(e.Message);
        }
    }

    private void Reply()
    {
        try
        {
            _process!.Send(Leave);
        }
        catch (SocketException)
        {
            // A process that was killed while it was held needs no permission.
        }
    }
}
