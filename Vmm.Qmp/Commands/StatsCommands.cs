// stats.json: what has passed network cards. There are no statistics of the machine or its vCPUs yet, which clients ask for as well: they get none.

using Vmm.Core.Devices.Model;
using Vmm.Core.Machines;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of stats.json.</summary>
/// <param name="network">The network of the machine.</param>
public sealed class StatsCommands(MachineNetdevs network) : IStatsCommands
{
    private static readonly (string Name, bool IsBytes, Func<NetworkCounters, ulong> Read)[] OfCards =
    [
        ("rx-packets", false, static counters => counters.ReceivedFrames),
        ("rx-bytes", true, static counters => counters.ReceivedBytes),
        ("rx-dropped", false, static counters => counters.ReceiveDropped),
        ("tx-packets", false, static counters => counters.SentFrames),
        ("tx-bytes", true, static counters => counters.SentBytes),
        ("tx-dropped", false, static counters => counters.SendDropped),
    ];

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StatsResult>> QueryStats(CommandContext context, StatsFilter arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        return ValueTask.FromResult<IReadOnlyList<StatsResult>>(arguments.Target == StatsTarget.XNetdev && Names(arguments.Providers) is { } names
            ? [.. network.Cards.Select(card => Read(card, names)).Where(result => result.Stats.Count > 0)]
            : []);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StatsSchema>> QueryStatsSchemas(CommandContext context, StatsProvider? provider) =>
        ValueTask.FromResult<IReadOnlyList<StatsSchema>>(provider is null or StatsProvider.XNetdev
            ?
            [
                new StatsSchema
                {
                    Provider = StatsProvider.XNetdev,
                    Target = StatsTarget.XNetdev,
                    Stats =
                    [
                        .. OfCards.Select(statistic => new StatsSchemaValue
                        {
                            Name = statistic.Name,
                            Type = StatsType.Cumulative,
                            Unit = statistic.IsBytes ? StatsUnit.Bytes : null,
                            Exponent = 0,
                        }),
                    ],
                },
            ]
            : []);

    /// <summary>Which statistics of cards are asked for; null for none.</summary>
    private static HashSet<string>? Names(IReadOnlyList<StatsRequest>? requests)
    {
        var ours = requests?.Where(request => request.Provider == StatsProvider.XNetdev).ToList();
        return ours is null || ours.Exists(request => request.Names is null) ? [.. OfCards.Select(statistic => statistic.Name)]
            : ours.Count == 0 ? null
            : [.. ours.SelectMany(request => request.Names!)];
    }

    private static StatsResult Read(NetworkCard card, HashSet<string> names)
    {
        var counters = card.Device.Counters;
        return new StatsResult
        {
            Provider = StatsProvider.XNetdev,
            QomPath = card.Path,
            Stats =
            [
                .. OfCards.Where(statistic => names.Contains(statistic.Name))
                    .Select(statistic => new Stats { Name = statistic.Name, Value = StatsValue.FromScalar(statistic.Read(counters)) }),
            ],
        };
    }
}
