using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>Block nodes as blockdev-add describes them, as the machine's.</summary>
/// <param name="nameOfNext">A name for a node that is given none, beside those of nodes that are about to be added.</param>
internal sealed class BlockNodes(Func<IReadOnlyList<BlockNodeConfiguration>, string> nameOfNext)
{
    private readonly List<BlockNodeConfiguration> _nodes = [];

    /// <summary>Reads a node and those that are described in it.</summary>
    /// <returns>The nodes, each after the one that it is over.</returns>
    internal IReadOnlyList<BlockNodeConfiguration> Read(BlockdevOptions options)
    {
        if (options.NodeName is null)
        {
            throw QmpException.GenericError("'node-name' must be specified for the root node");
        }

        _ = Add(options, default);
        return _nodes;
    }

    private string Add(BlockdevOptions options, BlockNodeFlags inherited)
    {
        if (options.ForceShare == true)
        {
            throw QmpException.GenericError("force-share=on is not supported: expected off; a file that others write to is read with read-only=on,locking=off");
        }

        if (options.NodeName is { } given && BlockNodeNames.Violation(given) is { } wrong)
        {
            throw QmpException.GenericError(wrong);
        }

        var flags = new BlockNodeFlags(
            options.ReadOnly ?? inherited.ReadOnly,
            options.AutoReadOnly ?? inherited.AutoReadOnly,
            options.Discard is { } discard ? discard == BlockdevDiscardOptions.Unmap : inherited.Discard,
            options.Cache?.Direct ?? inherited.Direct,
            options.Cache?.NoFlush ?? inherited.NoFlush);
        var node = flags.On(Create(options, flags));
        node = node with { NodeName = options.NodeName ?? nameOfNext(_nodes) };
        if (BlockNodeRules.Violation(node) is { } violation)
        {
            throw QmpException.GenericError(violation);
        }

        _nodes.Add(node);
        return node.NodeName;
    }

    private BlockNodeConfiguration Create(BlockdevOptions options, BlockNodeFlags flags) => options switch
    {
        BlockdevOptionsFile file => CreateFile(file.Data, flags, isHostDevice: false),
        BlockdevOptionsHostDevice device => CreateFile(device.Data, flags, isHostDevice: true),
        BlockdevOptionsNullCo none => CreateNull(none.Data),
        BlockdevOptionsRaw raw => new RawNodeConfiguration("", Child(raw.Data.File, flags))
        {
            Offset = NotNegative("offset", raw.Data.Offset) ?? 0,
            Size = NotNegative("size", raw.Data.Size),
        },
        BlockdevOptionsThrottle throttle => new ThrottleNodeConfiguration("", Child(throttle.Data.File, flags), throttle.Data.ThrottleGroup),
        _ => throw new InvalidOperationException($"the schema has a driver that is unknown here: {options.GetType().Name}"),
    };

    private string Child(BlockdevRef reference, BlockNodeFlags flags) =>
        reference.Definition is { } options ? Add(options, flags.ForChild) : reference.Reference!;

    private static FileNodeConfiguration CreateFile(BlockdevFileOptions options, BlockNodeFlags flags, bool isHostDevice) => new("", options.Filename)
    {
        IsHostDevice = isHostDevice,
        Locking = options.Locking switch
        {
            OnOffAuto.On => BlockLocking.On,
            OnOffAuto.Off => BlockLocking.Off,
            _ => BlockLocking.Auto,
        },
        Aio = options.Aio switch
        {
            BlockdevAioOptions.Threads => BlockAio.Threads,
            BlockdevAioOptions.IoUring => BlockAio.IoUring,
            BlockdevAioOptions.Native when !flags.Direct =>
                throw QmpException.GenericError("aio=native was specified, but it requires cache.direct=on, which was not specified."),
            _ => BlockAio.Automatic,
        },
    };

    private static NullNodeConfiguration CreateNull(BlockdevNullOptions options)
    {
        var node = new NullNodeConfiguration("");
        return node with { Size = NotNegative("size", options.Size) ?? node.Size, ReadZeroes = options.ReadZeroes ?? node.ReadZeroes };
    }

    private static ulong? NotNegative(string name, long? value) => value switch
    {
        null => null,
        < 0 => throw QmpException.Expects(name, "a number that is not negative"),
        _ => (ulong)value,
    };
}
