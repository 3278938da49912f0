using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Loop;

/// <summary>By what requests are carried out where the host grants no io_uring.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class IoEngineTests
{
    private const uint Setup = 425; // io_uring_setup
    private const uint Register = 427; // io_uring_register

    [TestCase(Setup, 38u)] // ENOSYS: no such kernel
    [TestCase(Setup, 1u)] // EPERM: seccomp, kernel.io_uring_disabled
    [TestCase(Setup, 12u)] // ENOMEM: the limit of locked memory
    [TestCase(Register, 22u)] // EINVAL: a kernel that cannot be asked what it knows
    public void Threads_take_the_place_of_an_io_uring_that_the_host_refuses(uint call, uint error)
    {
        var refusals = new List<Exception>();
        using var thread = new IoThread("io under test") { HostRefused = refusals.Add };
        RefusedCall.Run(call, error, () =>
        {
            using var requests = thread.CreateRequests(4);

            Assert.That(requests.Engine, Is.EqualTo(IoEngine.Threads));
            Assert.That(refusals, Has.Count.EqualTo(1));
            Assert.That(() => thread.CreateRequests(4, IoEngine.IoUring), Throws.TypeOf<PosixException>());
        });
    }
}
