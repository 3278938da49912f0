using Vmm.Migration.Settings;

namespace Vmm.Tests.Unit.Migration;

/// <summary>The migration parameters are values: two sets of the same are equal, and none changes.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class MigrationParametersTests
{
    [Test]
    public void Sets_with_the_same_words_in_their_command_are_equal()
    {
        var one = new MigrationParameters { CprExecCommand = ["a", "b"] };

        Assert.Multiple(() =>
        {
            Assert.That(new MigrationParameters(), Is.EqualTo(new MigrationParameters()));
            Assert.That(new MigrationParameters { CprExecCommand = new List<string> { "a", "b" } }, Is.EqualTo(one));
            Assert.That(new MigrationParameters { CprExecCommand = ["a", "b"] }.GetHashCode(), Is.EqualTo(one.GetHashCode()));
            Assert.That(one with { CprExecCommand = ["a"] }, Is.Not.EqualTo(one));
            Assert.That(one with { CprExecCommand = ["b", "a"] }, Is.Not.EqualTo(one));
            Assert.That(one with { CprUri = "x" }, Is.Not.EqualTo(one));
        });
    }

    [Test]
    public void A_command_does_not_change_with_the_list_that_it_was_set_from()
    {
        List<string> words = ["a", "b"];
        var parameters = new MigrationParameters { CprExecCommand = words };

        words.Clear();

        Assert.That(parameters.CprExecCommand, Is.EqualTo(new[] { "a", "b" }));
    }
}
