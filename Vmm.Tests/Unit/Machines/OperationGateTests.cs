using Vmm.Core.Machines;

namespace Vmm.Tests.Unit.Machines;

[Parallelizable(ParallelScope.All)]
public sealed class OperationGateTests
{
    private readonly OperationGate _gate = new();

    [Test]
    public async Task One_operation_at_a_time_in_the_order_of_requests()
    {
        var gate = new OperationGate();
        var first = await gate.EnterAsync();
        var second = gate.EnterAsync();
        var third = gate.EnterAsync();
        Assert.That((second.IsCompleted, third.IsCompleted), Is.EqualTo((false, false)));

        first.Dispose();
        Assert.That((second.IsCompleted, third.IsCompleted), Is.EqualTo((true, false)));
        var fourth = gate.EnterAsync();
        (await second).Dispose();
        Assert.That((third.IsCompleted, fourth.IsCompleted), Is.EqualTo((true, false)));
        (await third).Dispose();
        (await fourth).Dispose();
        Assert.That(gate.EnterAsync().IsCompleted, Is.True, "the gate is free again");
    }

    [Test]
    public async Task A_pass_given_back_twice_counts_once()
    {
        var first = await _gate.EnterAsync();
        var second = _gate.EnterAsync();
        var third = _gate.EnterAsync();
        first.Dispose();
        first.Dispose();
        Assert.That((second.IsCompleted, third.IsCompleted), Is.EqualTo((true, false)));
    }
}
