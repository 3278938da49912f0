using Vmm.Qmp.Schema;

namespace Vmm.Tests.Unit.Qapi;

/// <summary>Handlers of stats.json that note what arrives.</summary>
internal sealed class RecordingStats(List<object?> received) : IStatsCommands
{
    public ValueTask<IReadOnlyList<StatsResult>> QueryStats(CommandContext context, StatsFilter arguments)
    {
        received.Add(arguments);
        return new([]);
    }

    public ValueTask<IReadOnlyList<StatsSchema>> QueryStatsSchemas(CommandContext context, StatsProvider? provider) => new([]);
}
