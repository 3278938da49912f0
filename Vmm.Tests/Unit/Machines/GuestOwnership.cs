namespace Vmm.Tests.Unit.Machines;

/// <summary>Which VMs run a guest: never two at once.</summary>
internal sealed class GuestOwnership
{
    private readonly Lock _gate = new();
    private readonly HashSet<FakeMachine> _running = [];

    /// <summary>Whether two VMs ever ran the guest at the same time.</summary>
    internal bool WasShared { get; private set; }

    /// <summary>How many VMs run it now.</summary>
    internal int Running
    {
        get
        {
            lock (_gate)
            {
                return _running.Count;
            }
        }
    }

    internal void Starts(FakeMachine machine)
    {
        lock (_gate)
        {
            _running.Add(machine);
            WasShared |= _running.Count > 1;
        }
    }

    internal void Stops(FakeMachine machine)
    {
        lock (_gate)
        {
            _running.Remove(machine);
        }
    }
}
