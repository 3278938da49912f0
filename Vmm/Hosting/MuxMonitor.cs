// A monitor that shares a mux with devices. The mux is the guest's hardware, so the monitor has its place there only while this process has the guest:
// from its start, or from the switch of a live update on; a process that waits for a guest has other monitors.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Qmp.Sessions;

namespace Vmm.Hosting;

/// <summary>Where a monitor on a mux gets its one client from. Machine loop, but for <see cref="AcceptAsync"/>.</summary>
/// <param name="chardevId">The mux.</param>
/// <param name="number">Which of the monitors there, from 1.</param>
/// <param name="machine">Who has the mux.</param>
/// <param name="ioLoop">The loop that serves back ends.</param>
internal sealed class MuxMonitor(string chardevId, int number, Machine machine, EventLoop ioLoop) : IConnectionSource, IDescriptorOwner
{
    private readonly TaskCompletionSource<MuxMonitorLine?> _line = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private MuxMonitorLine? _taken;
    private (MuxMonitorState State, SafeFileHandle Near)? _restored;

    /// <summary>The name of its end of a session's socket pair, in a program that replaces this one.</summary>
    internal string LineName => $"session-line/{chardevId}{(number > 1 ? $":{number}" : "")}";

    /// <summary>Nothing of the monitor crosses: the mux is the board's.</summary>
    public IEnumerable<HandoverDescriptor> HandoverDescriptors => [];

    /// <summary>Takes the place at the mux of the guest that is here now.</summary>
    internal void TakePlace()
    {
        if (_taken is null && machine.Board?.Chardevs.OfType<MuxChardev>().FirstOrDefault(mux => mux.Label == chardevId) is { } mux)
        {
            _taken = new MuxMonitorLine(mux, ioLoop);
            try
            {
                if (_restored is { } restored)
                {
                    _restored = null;
                    _taken.Continue(restored.Near, restored.State);
                }
            }
            finally
            {
                // A session that cannot continue ends, and this is where the next one comes from.
                _line.TrySetResult(_taken);
            }
        }
    }

    /// <summary>Nothing moves between the terminal and the session until <see cref="Continue"/>.</summary>
    internal void Hold() => _taken?.Quiesce();

    /// <summary>What is between the two, and the end of the socket pair; null where there is no session.</summary>
    internal (MuxMonitorState State, SafeHandle Near)? Save() => _taken is { } line ? line.Save() : _restored is { } restored ? (restored.State, restored.Near) : null;

    /// <summary>The program was not replaced.</summary>
    internal void Continue() => _taken?.Resume();

    /// <summary>Keeps what another program's monitor had, until the mux is there.</summary>
    internal void Restore(MuxMonitorState state, HandedOverDescriptors descriptors)
    {
        if (descriptors.Claim(LineName, handle => DescriptorKind.ConnectedSocket(handle) is null) is { } near)
        {
            _restored = (state, near);
        }
    }

    /// <inheritdoc/>
    public async Task<Connection?> AcceptAsync(EventLoop io) => await _line.Task is { } line ? Connection.OverSocket(line.Connect(), isTyped: true) : null;

    /// <inheritdoc/>
    public IReadOnlyList<string> Prepare(HandedOverDescriptors handedOver) => [];

    /// <inheritdoc/>
    public void Adopt() => TakePlace();

    /// <inheritdoc/>
    public void Drop()
    {
    }

    /// <inheritdoc/>
    public void Release(Func<string, bool?> wasTaken) => _taken?.Dispose();

    /// <inheritdoc/>
    public void Dispose()
    {
        _line.TrySetResult(null);
        _restored?.Near.Dispose();
        _taken?.Dispose();
    }
}
