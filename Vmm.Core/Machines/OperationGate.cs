// Control operations that take more than one turn of the machine loop (stop, reset, the switch of a handover) happen one
// at a time, in the order in which they were requested. The gate is where they queue; queries never pass through it.

namespace Vmm.Core.Machines;

/// <summary>Admits one operation at a time. Machine loop only.</summary>
public sealed class OperationGate
{
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private bool _busy;

    /// <summary>Waits for the earlier operations; dispose the pass when the operation is over.</summary>
    public async Task<IDisposable> EnterAsync()
    {
        if (_busy)
        {
            var turn = new TaskCompletionSource();
            _waiting.Enqueue(turn);
            await turn.Task;
        }

        _busy = true;
        return new Pass(this);
    }

    private void Leave()
    {
        // The next in line takes over while the gate stays busy, so no other slips in between.
        if (_waiting.TryDequeue(out var next))
        {
            next.SetResult();
        }
        else
        {
            _busy = false;
        }
    }

    private sealed class Pass(OperationGate gate) : IDisposable
    {
        private OperationGate? _gate = gate;

        public void Dispose() => Interlocked.Exchange(ref _gate, null)?.Leave();
    }
}
