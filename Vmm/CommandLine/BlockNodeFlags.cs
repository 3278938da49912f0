using Vmm.Core.Backends.Block;

namespace Vmm.CommandLine;

/// <summary>What every node has, and a node that is described within another has from that one unless it is said otherwise.</summary>
/// <param name="ReadOnly">read-only=.</param>
/// <param name="AutoReadOnly">auto-read-only=.</param>
/// <param name="Discard">discard=unmap.</param>
/// <param name="Direct">cache.direct=.</param>
/// <param name="NoFlush">cache.no-flush=.</param>
internal readonly record struct BlockNodeFlags(bool ReadOnly, bool AutoReadOnly, bool Discard, bool Direct, bool NoFlush)
{
    /// <summary>What the node within one has: it does what is requested of it, so discards stop at the outer one.</summary>
    internal BlockNodeFlags ForChild => this with { Discard = true };

    /// <summary>Takes what is said of a node.</summary>
    /// <param name="options">The options.</param>
    /// <param name="prefix">What stands before the keys.</param>
    internal BlockNodeFlags Read(OptionList options, string prefix)
    {
        RefuseOthers(options, prefix);
        return new(
            options.TakeSwitch($"{prefix}read-only") ?? ReadOnly,
            options.TakeSwitch($"{prefix}auto-read-only") ?? AutoReadOnly,
            options.TakeWord($"{prefix}discard", ("ignore", false), ("unmap", true), ("off", false), ("on", true)) ?? Discard,
            options.TakeSwitch($"{prefix}cache.direct") ?? Direct,
            options.TakeSwitch($"{prefix}cache.no-flush") ?? NoFlush);
    }

    /// <summary>Gives a node these flags.</summary>
    internal BlockNodeConfiguration On(BlockNodeConfiguration node) => node with
    {
        ReadOnly = ReadOnly,
        AutoReadOnly = AutoReadOnly,
        Discard = Discard,
        CacheDirect = Direct,
        CacheNoFlush = NoFlush,
    };

    /// <summary>What QEMU has and management states although it is the default.</summary>
    private static void RefuseOthers(OptionList options, string prefix)
    {
        if (options.Take($"{prefix}detect-zeroes") is { } zeroes && zeroes != "off")
        {
            throw new CommandLineException($"{prefix}detect-zeroes={zeroes} is not supported: expected off; a guest that discards gives space back with discard=unmap");
        }

        if (options.TakeSwitch($"{prefix}force-share") == true)
        {
            throw new CommandLineException($"{prefix}force-share=on is not supported: expected off; a file that others write to is read with read-only=on,locking=off");
        }

        if (options.TakeSwitch($"{prefix}active") == false)
        {
            throw new CommandLineException($"{prefix}active=off is not supported: expected on; a node is activated by the update that brings the guest");
        }
    }
}
