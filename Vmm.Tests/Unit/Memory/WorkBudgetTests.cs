using Microsoft.Extensions.Time.Testing;
using Vmm.Core.Memory;

namespace Vmm.Tests.Unit.Memory;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class WorkBudgetTests
{
    private readonly FakeTimeProvider _clock = new();

    [TestCase(new[] { 10, 10, 10, 10, 10, 10, 10 }, 40, TestName = "Parts_as_long_as_each_other_use_it_up")]
    [TestCase(new[] { 1, 20, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, 30, TestName = "After_a_long_part_as_much_room_is_kept_for_another")]
    [TestCase(new[] { 30, 1 }, 30, TestName = "A_part_longer_than_what_is_left_is_the_last")]
    [TestCase(new[] { 70, 1 }, 70, TestName = "A_part_that_was_too_long_is_the_last")]
    [Promise(29)]
    public void A_part_begins_only_if_one_as_long_as_the_longest_would_end_within_the_budget(int[] parts, int end)
    {
        var start = _clock.GetUtcNow();
        var budget = new WorkBudget(TimeSpan.FromMilliseconds(50), _clock);

        foreach (int part in parts.TakeWhile(_ => budget.AllowsAnother()))
        {
            _clock.Advance(TimeSpan.FromMilliseconds(part));
        }

        Assert.That(_clock.GetUtcNow() - start, Is.EqualTo(TimeSpan.FromMilliseconds(end)));
    }

    [Test]
    [Promise(29)]
    public void No_time_allows_no_part() => Assert.That(new WorkBudget(TimeSpan.Zero, _clock).AllowsAnother(), Is.False);
}
