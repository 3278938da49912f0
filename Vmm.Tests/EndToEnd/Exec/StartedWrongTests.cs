using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>A program that is started with the environment of cpr-exec, and not by it.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StartedWrongTests : EndToEndTest
{
    private const string NoDescriptor = "the number of a descriptor that this program was started with was expected";

    [TestCase("", "abc", NoDescriptor)]
    [TestCase("", "999", NoDescriptor)]
    [TestCase("", "0", NoDescriptor)]
    [TestCase("", "-3", NoDescriptor)]
    [TestCase("exec 7</etc/passwd;", "7", "Not a migration stream (bad magic 726f6f74)")]
    [TestCase("exec 7</dev/null;", "7", "it is a character device of 0 bytes; a record of 1 to 1073741824 bytes was expected")]
    public async Task A_variable_that_names_no_state(string before, string value, string reason)
    {
        string script = $"{before} VMM_CPR_EXEC_STATE={value} exec \"$0\" \"$@\"";
        var process = await StartAsync(["/bin/sh", "-c", script, ProgramFixture.Program], TinyMachine.Silent("ticker"));

        Assert.That(await process.Exited.WaitAsync(Vmm.Lab.Drivers.Timeouts.Answer), Is.EqualTo(1));
        Assert.That(await process.ErrorsWithAsync("VMM_CPR"), Does.Contain($"vmm: VMM_CPR_EXEC_STATE={value}: {reason}"));
    }
}
