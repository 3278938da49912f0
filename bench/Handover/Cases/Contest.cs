// Contenders side by side, each of them hopping twice in a round: once as its processes account for it, and once, alone on the machine but for
// the observer, as it is seen from outside.

using Vmm.Bench.Handover.Contenders;

namespace Vmm.Bench.Handover.Cases;

/// <summary>What contenders did in turn; the first is the floor.</summary>
/// <param name="Inside">The pause as the processes account for it, microseconds.</param>
/// <param name="Outside">How long the guest's counter stood still, microseconds.</param>
/// <param name="Hops">The hops of <paramref name="Inside"/>, by contender.</param>
/// <param name="BlindMicroseconds">The observer's own longest time between two looks within a gap.</param>
internal sealed record Contest(Rounds Inside, Rounds Outside, IReadOnlyList<List<Hop>> Hops, double BlindMicroseconds)
{
    /// <summary>Runs some rounds.</summary>
    /// <param name="setting">What a case works with.</param>
    /// <param name="count">How many rounds.</param>
    /// <param name="floor">The floor, which sends as many bytes as the first of the others.</param>
    /// <param name="others">The others.</param>
    internal static Contest Run(Setting setting, int count, Floor floor, params IContender[] others)
    {
        IContender[] all = [floor, .. others];
        var observer = new Observer(setting.Scratch, setting.Observer);
        var (inside, outside) = (new Rounds(), new Rounds());
        var hops = all.Select(_ => new List<Hop>()).ToArray();
        double blind = 0;
        for (int round = 0; round < count; round++)
        {
            for (int i = 0; i < all.Length; i++)
            {
                all[i].Prepare();
                hops[i].Add(all[i].Switch());
                all[i].Rest();
            }

            floor.MessageBytes = hops[1][^1].Bytes;
            inside.Add([.. hops.Select(h => h[^1].PauseMicroseconds)]);
            outside.Add([.. all.Select(contender =>
            {
                contender.Prepare();
                var seen = observer.Watch(contender.RamPath, () => contender.Switch());
                contender.Rest();
                blind = Math.Max(blind, seen.OwnGapMicroseconds);
                return seen.GapMicroseconds;
            })]);
        }

        return new Contest(inside, outside, hops, blind);
    }
}
