namespace Vmm.Tests.Lab;

/// <summary>A Debian guest with more vCPUs than the lab has processors for guests: that it boots, and nothing that hangs on time.</summary>
public sealed class LinuxManyVcpusTests() : LinuxGuestTest(vcpus: 4)
{
    [Test]
    public Task The_guest_uses_every_vcpu() => SkippingEmulatorFlawsAsync(async () => Assert.That(await Guest.RunAsync("nproc"), Is.EqualTo("4\n")));
}
