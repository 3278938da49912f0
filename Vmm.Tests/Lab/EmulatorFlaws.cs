// What the lab's emulated processors sometimes do to the host under test, and what that says about vmm: nothing.
//
// KVM patches its own code while it runs, and an emulated processor that executes the patched place at that instant may hang on
// one instruction indefinitely. The host's kernel then reports a soft lockup of that processor. A test that fails on such a host is
// reported as skipped, with the kernel's own words; on a host whose kernel reports nothing it fails.

using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>Distinguishes failures of the emulator from failures of what is tested.</summary>
internal static class EmulatorFlaws
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    /// <summary>Runs a test; if it fails and the lab's own kernel has locked up, the test is skipped and says so.</summary>
    internal static async Task SkippingEmulatorFlawsAsync(Func<Task> test)
    {
        try
        {
            await test();
        }
        catch (Exception failure) when (HostFixture.Host is LabHost)
        {
            if (await LockupAsync() is { Length: > 0 } lockup)
            {
                Assert.Ignore($"the lab's emulated processor hung, which says nothing about vmm: {lockup.Trim()} (the test saw: {failure.Message})");
            }

            throw;
        }
    }

    private static async Task<string> LockupAsync()
    {
        using var timeout = new CancellationTokenSource(Timeout);
        try
        {
            var result = await HostFixture.Host.TryRunAsync("dmesg | grep -m1 -iE 'soft lockup|rcu.*self-detected stall'", timeout.Token);
            return result.Output;
        }
        catch (OperationCanceledException)
        {
            // A host that does not answer says nothing; what the test saw counts.
            return "";
        }
    }
}
