using Vmm.Core.State;
using Vmm.Kvm.Cpus;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Unit.Migration;

[Parallelizable(ParallelScope.All)]
public sealed class OutgoingStateTests
{
    [Test]
    public void The_buffer_that_is_made_ahead_has_room_for_all_that_a_vcpu_can_have()
    {
        const int HeadsAndNames = 1024;
        int largest = Size(KvmCpuState.Layout) + KvmCpuState.Layout.Subsections.Sum(Size) + HeadsAndNames;

        Assert.That(OutgoingState.BytesOfCpu, Is.GreaterThan(largest));
    }

    private static int Size(StateLayout layout) => layout.Fields.Sum(field => field.Size);
}
