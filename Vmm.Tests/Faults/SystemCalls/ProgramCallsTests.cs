using System.Text.RegularExpressions;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>Whatever system call the product's sources can make has a line in the injector's table, or is excluded by name.</summary>
[Parallelizable(ParallelScope.All)]
public sealed partial class ProgramCallsTests
{
    private static IEnumerable<string> Known => CallTable.All.Select(call => call.Name).Concat(CallTable.Excluded.Values);

    [Test]
    public void Every_function_that_the_sources_call_has_its_system_call_in_the_table()
    {
        string[] names = [.. LibraryCalls.Names];

        Assert.That(names, Is.SupersetOf(["close", "eventfd2", "getrandom", "ioctl", "readv", "timerfd_settime"]), "the sources are read");
        Assert.That(names.Except(Known), Is.Empty);
    }

    [Test]
    public void Every_number_that_the_sources_pass_to_syscall_is_in_the_table()
    {
        var numbers = LibraryCalls.Numbers.ToList();

        Assert.That(numbers.Select(call => call.Number), Is.SupersetOf(new int?[] { 202, 238, 239, 425, 426, 427 }), "the sources are read");
        Assert.That(numbers.Where(call => call.Number is not { } number || !(CallTable.Has(number) || CallTable.Excluded.ContainsKey(number))), Is.Empty);
    }

    [Test]
    public void The_injector_lets_pass_what_the_table_excludes()
    {
        string source = File.ReadAllText(Repository.Path("Vmm.Tests/Faults/inject.c"));

        Assert.That(Passed().Matches(source).Select(match => match.Groups["name"].Value), Is.EquivalentTo(CallTable.Excluded.Values));
    }

    [GeneratedRegex(@"PASS\(SYS_(?<name>\w+)\)")]
    private static partial Regex Passed();
}
