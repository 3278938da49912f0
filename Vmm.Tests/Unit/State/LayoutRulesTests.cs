using Vmm.Core.State;

namespace Vmm.Tests.Unit.State;

/// <summary>What a layout may not say: found when it is built, before any state is written by it.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class LayoutRulesTests
{
    [Test]
    public void No_field_may_follow_one_whose_layout_has_subsections() => Refused(
        () => new StateLayout<SampleDevice>("a", 2) { { "timer", s => s.Timer, SampleTimer.Layout, 0, [(2, 2)] }, { "extra", s => ref s.Extra } },
        "a.extra: no field may follow one whose layout has subsections");

    [Test]
    public void An_arrays_element_may_have_no_subsections() => Refused(
        () => new StateLayout<Timers>("a", 2) { { "timers", s => ref s.All, SampleTimer.Layout, 2, 0, [(2, 2)] } },
        "a.timers: an array's element may have no subsections");

    [Test]
    public void An_array_has_a_length() => Refused(
        () => new StateLayout<SampleDevice>("a", 1) { { "masks", s => s.Masks, 0 } }, "a.masks: an array has room for one element at least");

    [Test]
    public void Two_fields_have_two_names() => Refused(
        () => new StateLayout<SampleDevice>("a", 1) { { "n", s => ref s.Extra }, { "n", s => ref s.QueueCount } },
        "a.n: there is a field of this name");

    [Test]
    public void Two_subsections_have_two_names()
    {
        var late = new StateLayout<SampleDevice>("sample-timer/late", 1) { { "extra", s => ref s.Extra } };
        var layout = new StateLayout<SampleDevice>("a", 2) { { "timer", s => s.Timer, SampleTimer.Layout, 0, [(2, 2)] } };

        Refused(() => layout.Add(late, _ => true), "a.sample-timer/late: there is a subsection of this name");
    }

    [Test]
    public void A_count_is_in_an_earlier_field_that_is_as_old_and_counts()
    {
        const string Expected = "a.queues: an earlier field 'n' that counts, as old as this one, is expected";
        Refused(() => new StateLayout<SampleDevice>("a", 1) { { "queues", s => ref s.Queues, SampleQueue.First, "n", 2 } }, Expected);
        Refused(
            () => new StateLayout<SampleDevice>("a", 2, 1) { { "n", s => ref s.Extra, 2 }, { "queues", s => ref s.Queues, SampleQueue.First, "n", 2 } },
            Expected);
        Refused(
            () => new StateLayout<SampleDevice>("a", 1) { { "n", s => s.Masks, 2 }, { "queues", s => ref s.Queues, SampleQueue.First, "n", 2 } },
            Expected);
    }

    // Each list is for a layout that reads its versions 1 to 3, around one that reads its versions 1 and 2.
    [TestCase(new int[0], TestName = "A_nested_layout_with_two_versions_needs_a_list")]
    [TestCase(new[] { 2, 1, 3, 2 }, TestName = "A_list_of_nested_versions_begins_with_the_oldest_that_is_read")]
    [TestCase(new[] { 1, 1 }, TestName = "A_list_of_nested_versions_ends_with_the_latest")]
    [TestCase(new[] { 1, 1, 4, 2 }, TestName = "A_list_of_nested_versions_ends_with_the_one_that_is_written")]
    [TestCase(new[] { 1, 2, 2, 1, 3, 2 }, TestName = "A_list_of_nested_versions_is_in_order")]
    public void A_list_of_nested_versions_leaves_none_open(int[] pairs)
    {
        (int, int)[]? versions = pairs.Length == 0 ? null : [.. pairs.Chunk(2).Select(pair => (pair[0], pair[1]))];
        Refused(
            () => new StateLayout<SampleDevice>("a", 3, 1) { { "timer", s => s.Timer, SampleTimer.Layout, 0, versions } },
            "a.timer: a list is expected, in ascending order, of which version of 'sample-timer', 1 to 2, each of versions 1 to 3 has; found: ["
            + string.Join(", ", versions ?? []) + "]");
    }

    [Test]
    public void A_version_whose_nested_version_is_no_longer_read_is_refused() => Refused(
        () => new StateLayout<SampleDevice>("a", 2, 1) { { "timer", s => s.Timer, new StateLayout<SampleTimer>("t", 2), 0, [(1, 1), (2, 2)] } },
        "a.timer: a list is expected, in ascending order, of which version of 't', 2 to 2, each of versions 1 to 2 has; found: [(1, 1), (2, 2)]");

    private static void Refused(Action build, string reason) =>
        Assert.That(() => build(), Throws.InvalidOperationException.With.Message.EqualTo(reason));

    private static void Refused(Func<StateLayout> build, string reason) => Refused(() => { build(); }, reason);

    private sealed class Timers
    {
        internal SampleTimer[] All = [new(), new()];
    }
}
