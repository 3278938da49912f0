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

    /// <summary>The program of an earlier version, which ./build predecessor makes.</summary>
    /// <param name="name">Its name in the file predecessor.</param>
    internal static string Predecessor(string name) => Path.Combine(Path.GetDirectoryName(Host.VmmPath)!, name);

    [OneTimeSetUp]
    public void RequireProgramAndKvm()
    {
        Require("END-TO-END TESTS", KvmDevice, Program, Host.TinyGuest("counter"));
    }

    /// <summary>Skips what is about to run, loudly, where a file is missing that it needs.</summary>
    internal static void Require(string tests, params string[] files)
    {
        foreach (string missing in files.Where(file => !File.Exists(file)))
        {
            string reason = $"{tests} SKIPPED: there is no {missing}";
            TestContext.Progress.WriteLine(reason);
            Assert.Ignore(reason);
        }
    }
}
