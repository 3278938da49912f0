using Vmm.Core.Machines;

namespace Vmm.Tests.Unit.Machines;

[Parallelizable(ParallelScope.All)]
public sealed class RunStateNamesTests
{
    [Test]
    public void Every_state_has_a_name_that_reads_back([Values] RunState state)
    {
        Assert.That(state.Name(), Is.Not.Null.And.Not.Empty);
        Assert.That(RunStateNames.TryParse(state.Name(), out var parsed), Is.True);
        Assert.That(parsed, Is.EqualTo(state));
    }

    [TestCase("")]
    [TestCase("Running")]
    [TestCase("running ")]
    public void Other_texts_name_no_state(string name) => Assert.That(RunStateNames.TryParse(name, out _), Is.False);
}
