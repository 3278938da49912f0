// A monitor that shares a mux with devices. The mux is the guest's hardware, so the monitor has its place there only while this process has the guest:
// from its start, or from the switch of a live update on; a process that waits for a guest has other monitors.

using Vmm.Core.Chardevs;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Qmp.Sessions;

namespace Vmm.Hosting;

/// <summary>Where a monitor on a mux gets its one client from. Machine loop, but for <see cref="AcceptAsync"/>.</summary>
/// <param name="chardevId">The mux.</param>
/// <param name="machine">Who has the mux.</param>
/// <param name="ioLoop">The loop that serves back ends.</param>
internal sealed class MuxMonitor(string chardevId, Machine machine, EventLoop ioLoop) : IConnectionSource, IDescriptorOwner
{
    private readonly TaskCompletionSource<MuxMonitorLine?> _line = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private MuxMonitorLine? _taken;

    /// <summary>Nothing of the monitor crosses: the mux is the board's.</summary>
    public IEnumerable<HandoverDescriptor> HandoverDescriptors => [];

    /// <summary>Takes the place at the mux of the guest that is here now.</summary>
    internal void TakePlace()
    {
        if (_taken is null && machine.Board?.Chardevs.OfType<MuxChardev>().FirstOrDefault(mux => mux.Label == chardevId) is { } mux)
        {
            _taken = new MuxMonitorLine(mux, ioLoop);
            _line.TrySetResult(_taken);
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
        _taken?.Dispose();
    }
}
