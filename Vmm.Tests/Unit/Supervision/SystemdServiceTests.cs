using Vmm.Core.Supervision;

namespace Vmm.Tests.Unit.Supervision;

/// <summary>Whether this process, number 100, is the main process of a service.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class SystemdServiceTests
{
    private const int Process = 100;

    [TestCase("SYSTEMD_EXEC_PID=100", 50, true)]
    [TestCase("SYSTEMD_EXEC_PID=99", 99, false)]
    [TestCase("SYSTEMD_EXEC_PID=99 INVOCATION_ID=ab", 1, false, Description = "the process that had started it has ended")]
    [TestCase("SYSTEMD_EXEC_PID=100 INVOCATION_ID=ab", 1, true)]
    [TestCase("SYSTEMD_EXEC_PID=", 1, false)]
    [TestCase("SYSTEMD_EXEC_PID=x", 1, false)]
    [TestCase("INVOCATION_ID=ab", 1, true)]
    [TestCase("INVOCATION_ID=ab", 50, false)]
    [TestCase("INVOCATION_ID=ab MANAGERPID=50", 50, true)]
    [TestCase("INVOCATION_ID=ab MANAGERPID=51", 50, false)]
    [TestCase("MANAGERPID=50", 50, false)]
    [TestCase("", 1, false)]
    public void It_is_known_by_the_environment(string variables, int parent, bool expected)
    {
        var environment = variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(text => text.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);

        Assert.That(SystemdService.HasAsMain(Process, parent, environment.GetValueOrDefault), Is.EqualTo(expected));
    }
}
