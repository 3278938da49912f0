using Vmm.Core.Backends.Block;

namespace Vmm.CommandLine;

/// <summary>The options that every node has.</summary>
internal static class BlockNodeFlagsOption
{
    /// <summary>Takes what is said of a node.</summary>
    /// <param name="options">The options.</param>
    /// <param name="prefix">What stands before the keys.</param>
    /// <param name="flags">What holds unless it is said otherwise.</param>
    internal static BlockNodeFlags Read(OptionList options, string prefix, BlockNodeFlags flags)
    {
        RefuseOthers(options, prefix);
        return new(
            options.TakeSwitch($"{prefix}read-only") ?? flags.ReadOnly,
            options.TakeSwitch($"{prefix}auto-read-only") ?? flags.AutoReadOnly,
            options.TakeWord($"{prefix}discard", ("ignore", false), ("unmap", true), ("off", false), ("on", true)) ?? flags.Discard,
            options.TakeSwitch($"{prefix}cache.direct") ?? flags.Direct,
            options.TakeSwitch($"{prefix}cache.no-flush") ?? flags.NoFlush);
    }

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
