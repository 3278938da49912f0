// -drive is short for a disk: the nodes of its image, one over the other, and a drive, which is the name that a device uses for them together with
// what -blockdev leaves to the device: what is done about errors, how writes are cached, limits of its own. With if=virtio it is the device as well.
//
//     -drive file=/a.raw,format=raw,if=none,id=d,cache=none,throttling.iops-total=100
//     -blockdev file,filename=/a.raw,cache.direct=on + -blockdev raw,file=that,cache.direct=on + drive d with a throttle group d

using System.Globalization;
using Vmm.Core.Backends.Block;

namespace Vmm.CommandLine;

/// <summary>-drive.</summary>
internal static class DriveOption
{
    private const string NoInterface = "none";
    private const string Virtio = "virtio";
    private const string ChildPrefix = "file.";

    /// <summary>The names that keys had before they had structure, which command lines still have.</summary>
    private static readonly (string Alias, string Key)[] Aliases =
    [
        .. from kind in new[] { "bps", "iops" }
           from direction in new[] { ("", "-total"), ("_rd", "-read"), ("_wr", "-write") }
           from burst in new[] { ("", ""), ("_max", "-max") }
           select ($"{kind}{direction.Item1}{burst.Item1}", $"throttling.{kind}{direction.Item2}{burst.Item2}"),
        ("iops_size", "throttling.iops-size"),
        ("group", "throttling.group"),
        ("readonly", "read-only"),
        ("format", "driver"),
    ];

    /// <summary>Adds a drive.</summary>
    internal static void Add(ConfigurationDraft draft, OptionList options)
    {
        if (options.Has("format") && options.Has("driver"))
        {
            throw new CommandLineException("Cannot specify both 'driver' and 'format'");
        }

        foreach (var (alias, key) in Aliases)
        {
            options.Rename(alias, key);
        }

        RefuseOthers(options);
        string bus = ReadInterface(options);
        int index = ReadIndex(options, draft.Blocks, bus);
        string id = options.TakeId() ?? string.Create(CultureInfo.InvariantCulture, $"{bus}{index}");
        draft.Blocks.RequireNewDrive(id);
        var (group, groupId) = ReadThrottling(options, id);
        var drive = new DriveConfiguration(id, "")
        {
            WriteError = ReadError(options, "werror", "write"),
            ReadError = ReadError(options, "rerror", "read"),
            ThrottleGroup = groupId,
        };

        var reader = ReadNodes(options, draft.Blocks, ref drive);
        options.Finish();
        draft.Blocks.AddDrive(drive, reader.Nodes, group, (bus, index));
        if (bus == Virtio)
        {
            draft.Devices.AddForDrive(id);
        }
    }

    private static BlockNodeReader ReadNodes(OptionList options, BlockOptions blocks, ref DriveConfiguration drive)
    {
        var cache = DriveCache.Read(options);
        drive = drive with { WriteCache = cache.WriteBack };
        string? given = options.Take("driver");
        if (given is not null && BlockDrivers.Refusal(given) is null && !BlockNodeConfiguration.Drivers.Contains(given))
        {
            throw new CommandLineException($"Unknown driver '{given}': {BlockDrivers.Expected}");
        }

        string driver = given ?? RawNodeConfiguration.Name;
        bool isOverFile = driver is RawNodeConfiguration.Name or ThrottleNodeConfiguration.Name;
        NameFile(options, isOverFile ? ChildPrefix : "");
        var reader = new BlockNodeReader(options, blocks.NameOfNext)
        {
            IsProbed = given is null,
            Aio = isOverFile ? options.Take("aio") : null,
        };
        string name = reader.Read(driver, "", new BlockNodeFlags(ReadOnly: false, AutoReadOnly: false, Discard: false, cache.Direct, cache.NoFlush));
        drive = drive with { NodeName = name };
        return reader;
    }

    /// <summary>Puts file= where the node of the file has its name.</summary>
    private static void NameFile(OptionList options, string prefix)
    {
        string? name = options.TakeText("file");
        bool isOverFile = prefix.Length > 0;
        if (name is not null && isOverFile && !options.Has($"{prefix}driver"))
        {
            var (driver, path) = DriveFilename.Read(name);
            options.SetDefault($"{prefix}driver", driver);
            name = path;
        }

        if (name is not null)
        {
            options.SetDefault($"{prefix}filename", name);
        }

        if (isOverFile && options.TakeText($"{prefix}filename") is { } given)
        {
            options.SetDefault($"{prefix}driver", DriveFilename.DriverOf(given));
            options.SetDefault($"{prefix}filename", given);
        }

        if (isOverFile && !options.HasBelow(prefix))
        {
            throw new CommandLineException("A block device must be specified for \"file\": expected file=PATH");
        }
    }

    private static string ReadInterface(OptionList options) => (options.Take("if") ?? NoInterface) switch
    {
        (NoInterface or Virtio) and var bus => bus,
        ("ide" or "scsi" or "floppy" or "pflash" or "mtd" or "sd" or "xen") and var other => throw new CommandLineException(
            $"machine type does not support if={other}: expected if={Virtio}, or if={NoInterface} with an id and a -device that names it"),
        var other => throw new CommandLineException($"unsupported bus type '{other}': expected {NoInterface} or {Virtio}"),
    };

    private static int ReadIndex(OptionList options, BlockOptions blocks, string bus)
    {
        int? index = options.TakeNumber("index", 0, ushort.MaxValue);
        int? unit = options.TakeNumber("unit", 0, ushort.MaxValue);
        if (options.TakeNumber("bus", 0, ushort.MaxValue) is > 0)
        {
            throw new CommandLineException("bus= is not supported: expected 0, or index=");
        }

        if (index is not null && unit is not null)
        {
            throw new CommandLineException("index cannot be used with bus and unit");
        }

        return blocks.PlaceOf(bus, index ?? unit);
    }

    private static (ThrottleGroupConfiguration? Group, string? Id) ReadThrottling(OptionList options, string driveId)
    {
        string? name = options.TakeText("throttling.group");
        var group = ThrottleOption.ReadDrive(name ?? driveId, options);
        if (ThrottleRules.IsLimiting(group))
        {
            return (group, group.Id);
        }

        return name is null ? (null, null) : throw new CommandLineException($"throttling.group={name} limits nothing: expected throttling.bps-total or another limit with it");
    }

    private static BlockErrorAction? ReadError(OptionList options, string key, string kind) => options.Take(key) switch
    {
        null => null,
        "report" => BlockErrorAction.Report,
        "ignore" => BlockErrorAction.Ignore,
        "stop" => BlockErrorAction.Stop,
        "enospc" when key == "werror" => BlockErrorAction.StopOnNoSpace,
        var other => throw new CommandLineException(
            $"'{other}' invalid {kind} error action: expected one of report, ignore, stop{(key == "werror" ? ", enospc" : "")}"),
    };

    private static void RefuseOthers(OptionList options)
    {
        if (options.Take("media") is { } media && media != "disk")
        {
            throw new CommandLineException($"media={media} is not supported: expected disk; for data that is only read use read-only=on");
        }

        if (options.TakeSwitch("snapshot") == true)
        {
            throw new CommandLineException("snapshot=on is not supported: expected off; let the guest write to a copy of the image");
        }

        if (options.TakeSwitch("copy-on-read") == true)
        {
            throw new CommandLineException("copy-on-read=on is not supported: expected off; a raw image has nothing below it to copy");
        }

        foreach (string account in new[] { "stats-account-invalid", "stats-account-failed" })
        {
            if (options.TakeSwitch(account) == false)
            {
                throw new CommandLineException($"{account}=off is not supported: expected on");
            }
        }
    }
}
