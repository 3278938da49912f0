using Vmm.Qmp.Schema;

namespace Vmm.Tests.Unit.Qapi;

/// <summary>Handlers of net.json that note what arrives.</summary>
internal sealed class RecordingNet(List<object?> received) : INetCommands
{
    public ValueTask SetLink(CommandContext context, string name, bool up)
    {
        received.AddRange([name, up]);
        return default;
    }

    public ValueTask NetdevAdd(CommandContext context, Netdev arguments) => Note(arguments);

    public ValueTask NetdevDel(CommandContext context, string id) => Note(id);

    public ValueTask<IReadOnlyList<RxFilterInfo>> QueryRxFilter(CommandContext context, string? name) => new([]);

    private ValueTask Note(object what)
    {
        received.Add(what);
        return default;
    }
}
