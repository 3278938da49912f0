// A block node as -blockdev and -drive describe it: a driver with its options, and the node that it is over, which is either named or described
// in place. A node that is described in place has keys with a prefix, as deep as it goes:
//
//     driver=raw,node-name=disk,file.driver=file,file.filename=/a.raw
//     {"driver": "raw", "node-name": "disk", "file": {"driver": "file", "filename": "/a.raw"}}

using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>Reads block nodes.</summary>
/// <param name="options">The options.</param>
/// <param name="nameOfNext">A name for a node that is given none.</param>
internal sealed class BlockNodeReader(OptionList options, Func<IEnumerable<BlockNodeConfiguration>, string> nameOfNext)
{
    private readonly List<BlockNodeConfiguration> _nodes = [];

    /// <summary>The nodes that were read, each after the one that it is over.</summary>
    internal IReadOnlyList<BlockNodeConfiguration> Nodes => _nodes;

    /// <summary>aio= where a file does not say it; null if that is not said elsewhere either.</summary>
    internal string? Aio { get; init; }

    /// <summary>Whether the uppermost node is a raw one because nobody said what it is.</summary>
    internal bool IsProbed { get; init; }

    /// <summary>Reads a node.</summary>
    /// <param name="driver">Its driver.</param>
    /// <param name="prefix">What stands before its keys.</param>
    /// <param name="flags">What holds for it unless it says otherwise.</param>
    /// <returns>Its name.</returns>
    internal string Read(string driver, string prefix = "", BlockNodeFlags flags = default)
    {
        string? given = options.Take($"{prefix}node-name");
        if (given is not null && BlockNodeNames.Violation(given) is { } wrong)
        {
            throw new CommandLineException(wrong);
        }

        flags = BlockNodeFlagsOption.Read(options, prefix, flags);
        var node = flags.On(Create(driver, prefix, flags));
        node = node with { NodeName = given ?? nameOfNext(_nodes) };
        if (BlockNodeRules.Violation(node) is { } violation)
        {
            throw new CommandLineException(violation);
        }

        _nodes.Add(node);
        return node.NodeName;
    }

    private BlockNodeConfiguration Create(string driver, string prefix, BlockNodeFlags flags) => driver switch
    {
        FileNodeConfiguration.FileDriver => CreateFile(prefix, flags, isHostDevice: false),
        FileNodeConfiguration.HostDeviceDriver => CreateFile(prefix, flags, isHostDevice: true),
        NullNodeConfiguration.Name => CreateNull(prefix),
        RawNodeConfiguration.Name => new RawNodeConfiguration("", ReadChild(prefix, flags))
        {
            Offset = options.TakeSize($"{prefix}offset") ?? 0,
            Size = options.TakeSize($"{prefix}size"),
            IsProbed = IsProbed && prefix.Length == 0,
        },
        ThrottleNodeConfiguration.Name => new ThrottleNodeConfiguration("", ReadChild(prefix, flags), options.TakeRequired($"{prefix}throttle-group")),
        _ => throw new CommandLineException(
            BlockDrivers.Refusal(driver) ?? $"Parameter '{prefix}driver' does not accept value '{driver}': {BlockDrivers.Expected}"),
    };

    private FileNodeConfiguration CreateFile(string prefix, BlockNodeFlags flags, bool isHostDevice)
    {
        string? aio = options.Take($"{prefix}aio") ?? Aio;
        if (options.TakeWholeNumber($"{prefix}aio-max-batch", long.MaxValue) is > 0)
        {
            throw new CommandLineException($"{prefix}aio-max-batch is not supported: expected 0; the number of requests at once follows from the queues");
        }

        if (options.TakeSwitch($"{prefix}drop-cache") == false)
        {
            throw new CommandLineException($"{prefix}drop-cache=off is not supported: expected on");
        }

        return new FileNodeConfiguration("", options.TakeRequired($"{prefix}filename"))
        {
            IsHostDevice = isHostDevice,
            Aio = aio is null ? BlockAio.Automatic : BlockAioOption.Read(aio, "aio", flags.Direct),
            Locking = options.TakeWord($"{prefix}locking", ("auto", BlockLocking.Auto), ("on", BlockLocking.On), ("off", BlockLocking.Off)) ?? BlockLocking.Auto,
        };
    }

    private NullNodeConfiguration CreateNull(string prefix)
    {
        if (options.TakeWholeNumber($"{prefix}latency-ns", long.MaxValue) is > 0)
        {
            throw new CommandLineException($"{prefix}latency-ns is not supported: expected 0; to slow a disk down use {ThrottleNodeConfiguration.Name}");
        }

        var node = new NullNodeConfiguration("");
        return node with
        {
            Size = options.TakeSize($"{prefix}size") ?? node.Size,
            ReadZeroes = options.TakeSwitch($"{prefix}read-zeroes") ?? node.ReadZeroes,
        };
    }

    /// <summary>The node that one is over: a name, or a node of its own that is read first.</summary>
    private string ReadChild(string prefix, BlockNodeFlags flags)
    {
        string key = $"{prefix}file";
        string? name = options.Take(key);
        if (!options.HasBelow($"{key}."))
        {
            return name ?? throw new CommandLineException($"Parameter '{key}' is missing");
        }

        return name is null
            ? Read(options.TakeRequired($"{key}.driver"), $"{key}.", flags.ForChild)
            : throw new CommandLineException($"Parameters '{key}.*' used inconsistently");
    }
}
