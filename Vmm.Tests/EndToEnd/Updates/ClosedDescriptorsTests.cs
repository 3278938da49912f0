using System.Globalization;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>Processes that were started with some of the descriptors 0, 1 and 2 closed.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ClosedDescriptorsTests : UpdateTest
{
    [TestCase("0")]
    [TestCase("1")]
    [TestCase("2")]
    [TestCase("01")]
    [TestCase("02")]
    [TestCase("12")]
    [TestCase("012")]
    [Promise(46)]
    public async Task What_is_closed_is_dev_null_and_never_something_of_the_guests(string closed)
    {
        string[] command = ["/bin/sh", "-c", $"exec \"$0\" \"$@\" {string.Concat(closed.Select(number => $" {number}>&-"))}", Program];
        var route = new UpdateRoute("next");
        var arguments = TinyMachine.Silent("counter");
        var old = await StartGenerationAsync(command, arguments, []);
        var successor = await StartGenerationAsync(command, arguments, route.Listening());
        var ram = Keep(GuestRam.Of(old.Process));
        Assert.That(Filled(old, closed), Is.All.EqualTo("/dev/null"));

        await route.AskAsync(old.Qmp);
        await ExpectHandoverAsync(old, successor);

        await ram.WaitForProgressAsync();
        Assert.That(Filled(old, closed).Concat(Filled(successor, closed)), Is.All.EqualTo("/dev/null"));
        await QuitAsync(old);
        await QuitAsync(successor);
    }

    private static IEnumerable<string?> Filled(Generation process, string closed) => closed.Select(
        number => new FileInfo($"/proc/{process.Process.Pid}/fd/{number.ToString(CultureInfo.InvariantCulture)}").LinkTarget);
}
