using Vmm.Lab.Hosts;

namespace Vmm.Tests.Faults;

/// <summary>
/// What all fault tests need: the variant of the program whose handovers can be observed (./build faults), and a KVM device. Where one is
/// missing they are skipped, and say so.
/// </summary>
[SetUpFixture]
public sealed class FaultProgram
{
    private const string KvmDevice = "/dev/kvm";

    /// <summary>This machine.</summary>
    internal static LocalHost Host { get; } = new();

    /// <summary>The program under test.</summary>
    internal static string Path { get; } = Repository.Path("out/vmm-faults");

    /// <summary>A program that is broken on purpose: its new process does not look at the baton.</summary>
    internal static string WithoutBaton { get; } = Repository.Path("out/vmm-faults-no-baton");

    /// <summary>Whether the full product was asked for (./test faults), not the part of it that CI runs.</summary>
    internal static bool IsFullProduct { get; } = Environment.GetEnvironmentVariable("VMM_FAULTS_ALL") is { Length: > 0 };

    /// <summary>Writes docs/faults.md when everything that it says has come true.</summary>
    [OneTimeTearDown]
    public void WritePage() => FaultsPage.WriteIfComplete();

    [OneTimeSetUp]
    public void RequireProgramAndKvm()
    {
        foreach (string needed in (string[])[KvmDevice, Path, Host.TinyGuest(Party.Guest)])
        {
            if (!File.Exists(needed))
            {
                string reason = $"FAULT TESTS SKIPPED: there is no {needed}";
                TestContext.Progress.WriteLine(reason);
                Assert.Ignore(reason);
            }
        }
    }
}
