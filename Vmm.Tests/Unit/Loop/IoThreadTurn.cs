using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Loop;

internal static class IoThreadTurn
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    /// <summary>Waits until a thread has served what is ready now: that is done in the round of what comes later, or before it.</summary>
    internal static void Turn(this IoThread thread)
    {
        for (int round = 0; round < 2; round++)
        {
            using var eventFd = EventFd.Create();
            using var served = new ManualResetEventSlim();
            using var source = thread.Add(eventFd, served.Set);
            source.Start();
            Assert.That(served.Wait(Timeout));
        }
    }
}
