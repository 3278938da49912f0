using System.Collections;
using Vmm.Core.Hypervisors;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Machines;

/// <summary>The one in-kernel device of a <see cref="FakeMachine"/>.</summary>
internal sealed class FakeKernelDevices(FakeHypervisor hypervisor, FakeKernelDevice device) : IKernelDevices
{
    public int Count => 1;

    public IStateful this[int index] => index == 0 ? device : throw new ArgumentOutOfRangeException(nameof(index));

    public void Reset()
    {
        hypervisor.Note("reset");
        if (hypervisor.RefuseReset is { } reason)
        {
            throw new HypervisorException(reason);
        }

        device.Pending = 0;
    }

    public IEnumerator<IStateful> GetEnumerator()
    {
        yield return device;
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
