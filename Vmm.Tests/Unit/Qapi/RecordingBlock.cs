using Vmm.Qmp.Schema;

namespace Vmm.Tests.Unit.Qapi;

/// <summary>Handlers of block.json that note what arrives.</summary>
internal sealed class RecordingBlock(List<object?> received) : IBlockCommands
{
    public ValueTask<IReadOnlyList<BlockInfo>> QueryBlock(CommandContext context) => new([]);

    public ValueTask<IReadOnlyList<BlockDeviceInfo>> QueryNamedBlockNodes(CommandContext context, bool? flat) => new([]);

    public ValueTask<IReadOnlyList<BlockStats>> QueryBlockstats(CommandContext context, bool? queryNodes) => new([]);

    public ValueTask BlockdevAdd(CommandContext context, BlockdevOptions arguments) => Note(arguments);

    public ValueTask BlockdevDel(CommandContext context, string nodeName) => Note(nodeName);

    public ValueTask BlockResize(CommandContext context, string? device, string? nodeName, long size) => Note(size);

    private ValueTask Note(object what)
    {
        received.Add(what);
        return default;
    }
}
