using System.Numerics;
using System.Runtime.CompilerServices;
using Vmm.Core.Backends.Block;
using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio.Transports.Mmio;

namespace Vmm.Core.Devices.Virtio.Block;

/// <summary>virtio-blk-device: a disk.</summary>
public sealed class BlockType : VirtioMmioType
{
    /// <summary>The disk.</summary>
    public static readonly DriveProperty Drive = new("drive", "id of the drive, or name of the block node, that it is") { IsRequired = true };

    /// <summary>The serial number that the guest reads.</summary>
    public static readonly TextProperty Serial = new("serial", "serial number, of which the guest reads 20 bytes") { Longest = 256 };

    /// <summary>How many queues.</summary>
    public static readonly NumberProperty NumQueues = new("num-queues", "number of queues; by default one") { Least = 1, Greatest = ushort.MaxValue, Default = 1 };

    /// <summary>The largest size of a queue.</summary>
    public static readonly NumberProperty QueueSize = new("queue-size", "the most requests of a queue, a power of two from 4 to 1024")
    {
        Least = 4,
        Greatest = VirtQueue.GreatestSize,
        Default = 256,
    };

    /// <summary>What the guest addresses.</summary>
    public static readonly SizeProperty LogicalBlockSize = new("logical_block_size", "bytes that the guest addresses at once, a power of two")
    {
        Least = LeastBlock,
        Greatest = GreatestBlock,
        Default = LeastBlock,
    };

    /// <summary>What the medium writes at once.</summary>
    public static readonly SizeProperty PhysicalBlockSize = new("physical_block_size", "bytes that the medium writes at once, a power of two")
    {
        Least = LeastBlock,
        Greatest = GreatestBlock,
        Default = LeastBlock,
    };

    /// <summary>The least that is worth a request.</summary>
    public static readonly SizeProperty MinIoSize = new("min_io_size", "the least that is worth a request, in bytes") { Greatest = GreatestBlock, Default = 0 };

    /// <summary>What a request had best have.</summary>
    public static readonly SizeProperty OptIoSize = new("opt_io_size", "what a request had best have, in bytes") { Greatest = uint.MaxValue, Default = 0 };

    /// <summary>Whether writes are complete before the medium has them.</summary>
    public static readonly ChoiceProperty WriteCache = new(
        "write-cache", "whether writes are complete before the medium has them; by default as the drive's cache mode says, or on", "OnOffAuto", "auto", "on", "off")
    {
        Default = "auto",
    };

    /// <summary>Whether the guest can switch the write cache.</summary>
    public static readonly SwitchProperty ConfigWce = new("config-wce", "whether the guest can switch the write cache") { Default = true };

    /// <summary>Whether the guest may discard.</summary>
    public static readonly SwitchProperty Discard = new("discard", "whether the guest may discard") { Default = true };

    /// <summary>Whether the guest may have zeros written.</summary>
    public static readonly SwitchProperty WriteZeroes = new("write-zeroes", "whether the guest may have zeros written without sending them") { Default = true };

    /// <summary>Whether others may write to the image.</summary>
    public static readonly SwitchProperty ShareRw = new("share-rw", "whether others may write to the image meanwhile")
    {
        Default = false,
        Visibility = Visibility.Host,
    };

    /// <summary>What is done when a write fails.</summary>
    public static readonly ChoiceProperty WriteError = new(
        "werror", "what a failed write does; by default as the drive says, or enospc", "BlockdevOnError", ErrorWords)
    {
        Default = "auto",
        Visibility = Visibility.Host,
    };

    /// <summary>What is done when a read fails.</summary>
    public static readonly ChoiceProperty ReadError = new(
        "rerror", "what a failed read does; by default as the drive says, or report", "BlockdevOnError", ErrorWords)
    {
        Default = "auto",
        Visibility = Visibility.Host,
    };

    /// <summary>The thread that serves its queues.</summary>
    public static readonly IoThreadProperty IoThread = new("iothread", "id of the iothread that serves its queues; by default one for all devices")
    {
        Visibility = Visibility.Host,
    };

    /// <summary>Its place in the boot order, which no firmware asks for.</summary>
    public static readonly NumberProperty BootIndex = new("bootindex", "accepted: the kernel is given by -kernel")
    {
        Greatest = int.MaxValue,
        Visibility = Visibility.Host,
    };

    /// <summary>The only instance.</summary>
    public static readonly BlockType Instance = new();

    private const uint LeastBlock = 512;
    private const uint GreatestBlock = 2 << 20;

    private BlockType()
        : base(
            "virtio-blk-device",
            "virtio disk",
            Drive,
            Serial,
            NumQueues,
            QueueSize,
            LogicalBlockSize,
            PhysicalBlockSize,
            MinIoSize,
            OptIoSize,
            WriteCache,
            ConfigWce,
            Discard,
            WriteZeroes,
            ShareRw,
            WriteError,
            ReadError,
            IoThread,
            BootIndex) => Layouts = [BlockState.Layout];

    private static string[] ErrorWords => ["auto", "report", "ignore", "enospc", "stop"];

    /// <inheritdoc/>
    protected override VirtioDevice CreateVirtio(IDeviceContext context, DeviceConfiguration configuration)
    {
        var thread = configuration.ValueOf(IoThread) is string id ? context.IoThreadOf(id) : context.IoThread;
        var disk = context.OpenDisk(configuration.Get(Drive), configuration.Title, configuration.Get(ShareRw));
        var options = OptionsOf(configuration, disk);
        if (options.LogicalBlockSize % disk.RequestAlignment != 0)
        {
            throw new BlockException(
                $"{configuration.Title}: cache.direct=on needs requests in units of {disk.RequestAlignment} bytes on this host: "
                + $"expected logical_block_size={disk.RequestAlignment}, or cache.direct=off");
        }

        return new BlockDevice(context, thread, disk, options);
    }

    /// <inheritdoc/>
    protected override void Check(DeviceConfiguration device)
    {
        RequirePowerOfTwo(device, LogicalBlockSize);
        RequirePowerOfTwo(device, PhysicalBlockSize);
        ulong logical = device.Get(LogicalBlockSize);
        if (device.Get(PhysicalBlockSize) < logical)
        {
            throw new DeviceException("logical_block_size > physical_block_size not supported");
        }

        foreach (var size in new[] { MinIoSize, OptIoSize })
        {
            if (device.Get(size) % logical != 0)
            {
                throw new DeviceException($"{size.Name} must be a multiple of logical_block_size");
            }
        }

        if (!BitOperations.IsPow2(device.Get(QueueSize)))
        {
            throw new DeviceException($"invalid queue-size property ({device.Get(QueueSize)}), must be a power of 2 (max {VirtQueue.GreatestSize})");
        }

        if (device.Get(NumQueues) > VirtioState.MostQueues)
        {
            throw new DeviceException($"Parameter 'num-queues' expects a number from 1 to {VirtioState.MostQueues}, not '{device.Get(NumQueues)}'");
        }
    }

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);

    private static BlockDeviceOptions OptionsOf(DeviceConfiguration device, BlockDisk disk) => new()
    {
        Queues = (int)device.Get(NumQueues),
        QueueSize = (ushort)device.Get(QueueSize),
        LogicalBlockSize = (uint)device.Get(LogicalBlockSize),
        PhysicalBlockSize = (uint)device.Get(PhysicalBlockSize),
        MinIoSize = (uint)device.Get(MinIoSize),
        OptIoSize = (uint)device.Get(OptIoSize),
        Serial = device.ValueOf(Serial) as string ?? "",
        WriteCache = device.Get(WriteCache) switch { "on" => true, "off" => false, _ => disk.Drive?.WriteCache ?? true },
        ConfigWriteCache = device.Get(ConfigWce),
        Discard = device.Get(Discard),
        WriteZeroes = device.Get(WriteZeroes),
        WriteError = ActionOf(device.Get(WriteError)) ?? disk.Drive?.WriteError ?? BlockErrorAction.StopOnNoSpace,
        ReadError = ActionOf(device.Get(ReadError)) ?? disk.Drive?.ReadError ?? BlockErrorAction.Report,
    };

    private static BlockErrorAction? ActionOf(string word) => word switch
    {
        "report" => BlockErrorAction.Report,
        "ignore" => BlockErrorAction.Ignore,
        "enospc" => BlockErrorAction.StopOnNoSpace,
        "stop" => BlockErrorAction.Stop,
        _ => null,
    };

    private static void RequirePowerOfTwo(DeviceConfiguration device, SizeProperty property)
    {
        if (!BitOperations.IsPow2(device.Get(property)))
        {
            throw new DeviceException($"Property virtio-blk-device.{property.Name} doesn't take value '{device.Get(property)}': expected a power of two from {LeastBlock} to {GreatestBlock}");
        }
    }
}
