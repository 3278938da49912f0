// Control operations that take more than one turn of the machine loop (stop, reset, the switch of a handover) happen one
// at a time, in the order in which they were requested. The gate is where they queue; queries never pass through it.
//
// One that waits has had no effect yet. So before the program is replaced by another, those that clients asked for are sent away from here, and
// their requests are executed anew in that program.

namespace Vmm.Core.Machines;

/// <summary>Admits one operation at a time. Machine loop only.</summary>
public sealed class OperationGate
{
    private readonly LinkedList<(TaskCompletionSource Turn, bool MayBeWithdrawn)> _waiting = new();
    private bool _busy;

    /// <summary>Waits for the earlier operations; dispose the pass when the operation is over.</summary>
    /// <param name="mayBeWithdrawn">Whether who asks for it can ask again.</param>
    /// <exception cref="OperationWithdrawnException">It was sent away before its turn.</exception>
    public async Task<IDisposable> EnterAsync(bool mayBeWithdrawn = false)
    {
        if (_busy)
        {
            var turn = new TaskCompletionSource();
            _waiting.AddLast((turn, mayBeWithdrawn));
            await turn.Task;
        }

        _busy = true;
        return new Pass(this);
    }

    /// <summary>Sends away what waits and can be asked for again.</summary>
    public void WithdrawWaiting()
    {
        foreach (var operation in _waiting.Where(operation => operation.MayBeWithdrawn).ToList())
        {
            _waiting.Remove(operation);
            operation.Turn.SetException(new OperationWithdrawnException());
        }
    }

    private void Leave()
    {
        // The next in line takes over while the gate stays busy, so no other slips in between.
        if (_waiting.First is { Value.Turn: var next })
        {
            _waiting.RemoveFirst();
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
