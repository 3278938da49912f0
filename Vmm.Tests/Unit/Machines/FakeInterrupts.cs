using System.Runtime.InteropServices;
using Vmm.Core.Buses;
using Vmm.Core.Hypervisors;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Machines;

/// <summary>Interrupts that go nowhere: routes and bindings are kept for the test to look at.</summary>
internal sealed class FakeInterrupts : IInterrupts
{
    private readonly Dictionary<int, SafeHandle> _bound = [];

    internal Dictionary<int, InterruptMessage> Routes { get; } = [];

    /// <summary>Why routes cannot be changed; null if they can.</summary>
    internal string? Refusal { get; set; }

    public IInterruptLine Line(int gsi) => new FakeLine();

    public void Route(ReadOnlySpan<InterruptRoute> routes)
    {
        if (Refusal is { } reason)
        {
            throw new HypervisorException(reason);
        }

        foreach (var route in routes)
        {
            if (route.Message is { } message)
            {
                Routes[route.Gsi] = message;
            }
            else
            {
                Routes.Remove(route.Gsi);
            }
        }
    }

    public IDisposable Bind(int gsi, SafeHandle eventFd)
    {
        _bound.Add(gsi, eventFd);
        return new Binding(() => _bound.Remove(gsi));
    }

    /// <summary>Has the host refuse to raise the interrupt until it is asked whether it was raised: the count of its eventfd is at its greatest.</summary>
    internal void FillUp(int gsi) => FileDescriptor.Write(_bound[gsi], BitConverter.GetBytes(ulong.MaxValue - 1));

    /// <summary>Whether the interrupt was signalled since this was asked last.</summary>
    internal bool WasRaised(int gsi)
    {
        if (FileDescriptor.PollNow(_bound[gsi], FdEvents.In) == FdEvents.None)
        {
            return false;
        }

        EventFd.TryDrain(_bound[gsi]);
        return true;
    }

    private sealed class FakeLine : IInterruptLine
    {
        public void Set(bool level)
        {
        }
    }

    private sealed class Binding(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
