using Vmm.Lab.Hosts;

namespace Vmm.Tests.EndToEnd;

/// <summary>
/// What all end-to-end tests need: the published program and a KVM device. Where one is missing they are skipped, and say so.
/// The environment variable VMM_PROGRAM names another program than out/vmm.
/// </summary>
[SetUpFixture]
public sealed class ProgramFixture
{
    private const string KvmDevice = "/dev/kvm";

    /// <summary>This machine: tiny guests need no hardware virtualization.</summary>
    internal static LocalHost Host { get; } = new();

    /// <summary>The program under test.</summary>
    internal static string Program { get; } = Environment.GetEnvironmentVariable("VMM_PROGRAM") is { Length: > 0 } other
        ? Path.GetFullPath(other)
        : Host.VmmPath;

    [OneTimeSetUp]
    public void RequireProgramAndKvm()
    {
        foreach (string needed in (string[])[KvmDevice, Program, Host.TinyGuest("counter")])
        {
            if (!File.Exists(needed))
            {
                string reason = $"END-TO-END TESTS SKIPPED: there is no {needed}";
                TestContext.Progress.WriteLine(reason);
                Assert.Ignore(reason);
            }
        }
    }
}
