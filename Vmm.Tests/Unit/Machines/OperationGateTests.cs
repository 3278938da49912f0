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
    public async Task What_can_be_asked_for_again_is_sent_away_and_the_others_keep_their_turns()
    {
        var gate = new OperationGate();
        var first = await gate.EnterAsync(mayBeWithdrawn: true);
        var second = gate.EnterAsync(mayBeWithdrawn: true);
        var third = gate.EnterAsync();

        gate.WithdrawWaiting();

        Assert.ThrowsAsync<OperationWithdrawnException>(() => second);
        Assert.That(third.IsCompleted, Is.False);
        first.Dispose();
        (await third).Dispose();
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
