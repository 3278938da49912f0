using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Migration.Plans;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Which state a new process can read of an old one, by their layouts.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class LayoutComparisonTests
{
    private static readonly StateSection Small = new(2, new Device("device", hasMore: false, mayBeAbsent: false));
    private static readonly StateSection Grown = new(2, new Device("device", hasMore: true, mayBeAbsent: false));
    private static readonly StateSection Later = new(0, new Device("later", hasMore: false, mayBeAbsent: true));
    private static readonly StateSection Other = new(0, new Device("other", hasMore: false, mayBeAbsent: false));

    [Test]
    public void Equal_layouts_do_not_differ() => Assert.That(Differences([Small, Later], [Later, Small]), Is.Empty);

    [Test]
    public void A_layout_that_the_new_process_grew_from_is_no_difference() => Assert.That(Differences([Small], [Grown]), Is.Empty);

    [Test]
    public void A_layout_that_the_old_process_has_grown_is_one() => Assert.That(Differences([Grown], [Small]), Is.EqualTo(new[]
    {
        $"state of device 2: layout is '{Grown.LayoutProperty.Value}' in the old process and '{Small.LayoutProperty.Value}' in the new one",
    }));

    [Test]
    public void State_of_a_device_that_had_none_may_be_absent_in_the_old_process() => Assert.Multiple(() =>
    {
        Assert.That(Differences([Small], [Small, Later]), Is.Empty);
        Assert.That(Differences([Small], [Small, Other]), Has.One.EqualTo(
            $"state of other 0 is absent in the old process; the new one has it with layout '{Other.LayoutProperty.Value}'"));
    });

    [Test]
    public void State_that_the_new_process_does_not_know_is_a_difference() => Assert.That(Differences([Small, Later], [Small]), Has.One.EqualTo(
        $"state of later 0 is absent in the new process; the old one has it with layout '{Later.LayoutProperty.Value}'"));

    [Test]
    public void An_old_process_that_says_a_thing_twice_is_answered() => Assert.That(Differences([Small, Small], [Small]), Has.Count.EqualTo(1));

    private static IReadOnlyList<string> Differences(StateSection[] old, StateSection[] own) =>
        LayoutComparison.Differences([.. old.Select(section => section.LayoutProperty)], own);

    /// <summary>A device of some layout.</summary>
    private sealed class Device : IStateful
    {
        private uint _value;

        internal Device(string name, bool hasMore, bool mayBeAbsent)
        {
            var layout = new StateLayout<Device>(name, version: 1, mayBeAbsent: mayBeAbsent) { { "value", d => ref d._value } };
            if (hasMore)
            {
                layout.Add(new StateLayout<Device>($"{name}/more", version: 1) { { "value", d => ref d._value } }, d => d._value > 0);
            }

            Layout = layout;
        }

        public StateLayout Layout { get; }

        public void Save(StateWriter writer) => throw new NotSupportedException();

        public void Load(StateReader reader) => throw new NotSupportedException();
    }
}
