using Vmm.Core.Configuration;
using Vmm.Migration.Plans;

namespace Vmm.Tests.Unit.Migration;

[Parallelizable(ParallelScope.All)]
public sealed class PlanComparisonTests
{
    private static readonly PropertyValue Size = new("memory", "size", "4096");
    private static readonly PropertyValue Count = new("cpu", "count", "2");

    [Test]
    public void Equal_properties_in_any_order_do_not_differ() =>
        Assert.That(PlanComparison.Differences([Size, Count], [Count, Size]), Is.Empty);

    [Test]
    public void Every_difference_is_a_sentence() => Assert.That(
        PlanComparison.Differences([Size, Count], [Size with { Value = "8192" }, new("memory", "share", "on"), new("device serial0", "irq", "4"), new("device serial0", "id", "none")]),
        Is.EqualTo(new[]
        {
            "memory: size is '4096' (4 KiB) in the old process and '8192' (8 KiB) in the new one",
            "memory: share is absent in the old process and 'on' in the new one",
            "cpu is absent in the new process; the old one has it with count '2'",
            "device serial0 is absent in the old process; the new one has it with irq '4', id 'none'",
        }));

    [TestCase("0", "'0'")]
    [TestCase("1025", "'1025'")]
    [TestCase("67108864", "'67108864' (64 MiB)")]
    [TestCase("17179869184", "'17179869184' (16 GiB)")]
    [TestCase("many", "'many'")]
    public void A_size_is_reported_as_it_is_typed_too(string value, string shown) => Assert.That(
        PlanComparison.Differences([Size with { Value = value }], [Size]),
        Is.EqualTo(new[] { $"memory: size is {shown} in the old process and '4096' (4 KiB) in the new one" }));

    [Test]
    public void A_value_of_any_length_fits_into_the_answer() => Assert.That(
        PlanComparison.Differences([new("boot", "append", new string('x', 60_000))], [new("boot", "append", "")]),
        Is.EqualTo(new[] { $"boot: append is '{new string('x', 256)}' and 59744 characters more in the old process and '' in the new one" }));

    [Test]
    public void A_property_that_the_old_process_repeats_is_a_difference() =>
        Assert.That(PlanComparison.Differences([Size, Size], [Size]), Has.Count.EqualTo(1));
}
