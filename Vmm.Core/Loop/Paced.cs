// Long work in parts: building a machine, touching its RAM. Between two parts the thread yields its processor if it has used up its
// slice (ThreadScheduling), so that a vCPU which wants that processor waits for one part at a time. Where a guest is stopped and waits for the
// work itself, nothing yields.

namespace Vmm.Core.Loop;

/// <summary>Yields between the parts of work that need not be done at once. Any thread.</summary>
public static class Paced
{
    /// <summary>The items of a loop whose every turn is a part.</summary>
    public static IEnumerable<T> Each<T>(IEnumerable<T> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        return EachOf(items);
    }

    /// <summary>Does one part after the other; the first that throws is the last.</summary>
    public static void Run(params Action[] parts)
    {
        foreach (var part in Each(parts))
        {
            part();
        }
    }

    /// <summary>Does one part after the other, each when the one before it has ended; the first that fails is the last.</summary>
    public static async Task RunAsync(params Func<Task>[] parts)
    {
        foreach (var part in Each(parts))
        {
            await part();
        }
    }

    // When the next item is requested, the part that had this one is done.
    private static IEnumerable<T> EachOf<T>(IEnumerable<T> items)
    {
        foreach (var item in items)
        {
            yield return item;
            ThreadScheduling.Yield();
        }
    }
}
