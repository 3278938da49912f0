using Vmm.Core.Configuration;
using Vmm.Migration.Plans;

namespace Vmm.Tests.Unit.Migration;

[Parallelizable(ParallelScope.All)]
public sealed class PlanComparisonTests
{
    private static readonly ConfigurationFact Size = new("memory", "size", "4096");
    private static readonly ConfigurationFact Count = new("cpu", "count", "2");

    [Test]
    public void Equal_facts_in_any_order_do_not_differ() =>
        Assert.That(PlanComparison.Differences([Size, Count], [Count, Size]), Is.Empty);

    [Test]
    public void Every_difference_is_a_sentence() => Assert.That(
        PlanComparison.Differences([Size, Count], [Size with { Value = "8192" }, new("device serial0", "irq", "4")]),
        Is.EqualTo(new[]
        {
            "memory: size is '4096' in the old process and '8192' in the new one",
            "cpu: count is '2' in the old process and absent in the new one",
            "device serial0: irq is absent in the old process and '4' in the new one",
        }));

    [Test]
    public void A_fact_that_the_old_process_repeats_is_a_difference() =>
        Assert.That(PlanComparison.Differences([Size, Size], [Size]), Has.Count.EqualTo(1));
}
