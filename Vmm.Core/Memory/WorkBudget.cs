// A time that parts of work share. How long the next part takes is not known, on a busy host many times its work; but what a part has
// taken already, another may take again. So none begins that would leave the budget if it took as long as the longest before it.

namespace Vmm.Core.Memory;

/// <summary>Says before each part of some work whether there is time for it.</summary>
/// <param name="total">How long all parts may take, from now on.</param>
/// <param name="clock">What time is measured by.</param>
internal sealed class WorkBudget(TimeSpan total, TimeProvider clock)
{
    private readonly long _began = clock.GetTimestamp();
    private TimeSpan _spent;
    private TimeSpan _longest;

    /// <summary>What is left of it.</summary>
    private TimeSpan Left => total - clock.GetElapsedTime(_began);

    /// <summary>One item for each part that there is time for: what is left when it begins.</summary>
    internal IEnumerable<TimeSpan> Parts()
    {
        while (AllowsAnother())
        {
            yield return Left;
        }
    }

    /// <summary>Called before each part: whether another part as long as the longest so far would end within the budget.</summary>
    internal bool AllowsAnother()
    {
        var spent = clock.GetElapsedTime(_began);
        var part = spent - _spent;
        _longest = part > _longest ? part : _longest;
        _spent = spent;
        return spent + _longest < total;
    }
}
