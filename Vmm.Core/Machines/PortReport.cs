// Reports to management that the guest has opened or closed a port.
//
// A guest may do so as often as it likes, and every event is sent to every client. So there is at most one event a second for each port, as
// QEMU has it: the first change is reported at once, and a second later what the port is by then, if that is something else.

using Vmm.Core.Devices;

namespace Vmm.Core.Machines;

/// <summary>What is reported of one port.</summary>
/// <param name="machine">Whose port it is.</param>
/// <param name="id">The id of the port's device.</param>
internal sealed class PortReport(Machine machine, string id) : IPortObserver
{
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private static readonly SendOrPostCallback ReportNow = static report => ((PortReport)report!).Report();

    private bool _isOpen;
    private bool _reported;
    private int _isDue;

    /// <inheritdoc/>
    public void PortIs(bool open)
    {
        Volatile.Write(ref _isOpen, open);
        Note();
    }

    private void Note()
    {
        if (Volatile.Read(ref _isOpen) != Volatile.Read(ref _reported) && Interlocked.Exchange(ref _isDue, 1) == 0)
        {
            machine.Loop.Post(ReportNow, this);
        }
    }

    /// <summary>On the machine loop, while a report is due: no other comes before this has run.</summary>
    private void Report()
    {
        bool open = Volatile.Read(ref _isOpen);
        if (open != _reported)
        {
            Volatile.Write(ref _reported, open);
            machine.Raise(new GuestPortChanged(machine.Now, id, open));
            machine.Loop.After(Interval, Report);
            return;
        }

        // What has changed since it was read above was not posted.
        Interlocked.Exchange(ref _isDue, 0);
        Note();
    }
}
