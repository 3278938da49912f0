using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Running;

/// <summary>A guest that has the keyboard controller test itself, as firmware and kernels do that look for one.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class KeyboardControllerTests : EndToEndTest
{
    private const int Passed = 0x55;

    [Test]
    public async Task The_self_test_answers_that_it_passed()
    {
        var vmm = await StartAsync(TinyMachine.Silent("self-test").With("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"));

        Assert.That(await vmm.Exited.WaitAsync(Timeouts.Answer), Is.EqualTo(((Passed << 1) | 1) & 0xff));
    }
}
