namespace Vmm.Tests.Unit.Devices;

internal static class Allocation
{
    /// <summary>Bytes that this thread allocates in a thousand rounds, once everything is warm.</summary>
    internal static long Of(Action round)
    {
        for (int i = 0; i < 1000; i++)
        {
            round();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            round();
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
