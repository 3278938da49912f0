namespace Vmm.CommandLine;

/// <summary>
/// cache= of -drive, which is short for three switches: whether writes are complete in the host's page cache, whether that cache is bypassed, whether
/// flushes do nothing. Each can be given by itself, and then counts.
/// </summary>
/// <param name="WriteBack">cache.writeback; null for what the device says.</param>
/// <param name="Direct">cache.direct.</param>
/// <param name="NoFlush">cache.no-flush.</param>
internal readonly record struct DriveCache(bool? WriteBack, bool Direct, bool NoFlush)
{
    /// <summary>Takes cache= and cache.writeback=; the other two are a node's as well and stay.</summary>
    internal static DriveCache Read(OptionList options)
    {
        var mode = options.Take("cache") switch
        {
            null => new DriveCache(null, false, false),
            "writeback" => new DriveCache(true, false, false),
            "writethrough" => new DriveCache(false, false, false),
            "none" or "off" => new DriveCache(true, true, false),
            "directsync" => new DriveCache(false, true, false),
            "unsafe" => new DriveCache(true, false, true),
            var other => throw new CommandLineException($"invalid cache option '{other}': expected one of writeback, none, writethrough, directsync, unsafe"),
        };
        return mode with { WriteBack = options.TakeSwitch("cache.writeback") ?? mode.WriteBack };
    }
}
