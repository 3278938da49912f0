using Vmm.Core.Loop;

namespace Vmm.Tests.Unit.Loop;

/// <summary>A pause without collections, in a process in which others have one too.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class NoGcRegionTests
{
    [Test]
    public void It_begins_again_after_more_was_allocated_than_there_was_room_for()
    {
        for (int i = 0; i < 20; i++)
        {
            using var region = NoGcRegion.Begin();
            Assert.That(() => GC.KeepAlive(new byte[i % 2 == 0 ? 64 << 20 : 16]), Throws.Nothing);
        }
    }

    [Test]
    public void Many_may_begin_and_end_at_the_same_time() => Assert.That(
        () => Parallel.For(0, 200, i =>
        {
            using var region = NoGcRegion.Begin();
            GC.KeepAlive(new byte[i % 7 == 0 ? 16 << 20 : 1024]);
        }),
        Throws.Nothing);
}
