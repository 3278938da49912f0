using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using Vmm.Core.Backends.Net;
using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio.Transports.Mmio;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>virtio-net-device: a network card.</summary>
public sealed class NetType : VirtioMmioType
{
    /// <summary>The host's end of its cable.</summary>
    public static readonly NetdevProperty Netdev = new("netdev", "id of the network back end that it is connected to") { IsRequired = true };

    /// <summary>Its address.</summary>
    public static readonly MacProperty Mac = new("mac", "its MAC address; by default 52:54:00:12:34:56, or the next one that no other card has");

    /// <summary>Whether the driver may use several pairs of queues.</summary>
    public static readonly SwitchProperty MultiQueue = new("mq", "whether the guest may use as many pairs of queues as the back end has") { Default = false };

    /// <summary>The largest size of a queue to receive.</summary>
    public static readonly NumberProperty RxQueueSize = new("rx_queue_size", "the most buffers of a queue to receive, a power of two from 256 to 1024")
    {
        Greatest = ushort.MaxValue,
        Default = LeastQueueSize,
    };

    /// <summary>The largest size of a queue to send.</summary>
    public static readonly NumberProperty TxQueueSize = new("tx_queue_size", "the most buffers of a queue to send, a power of two from 256 to 1024")
    {
        Greatest = ushort.MaxValue,
        Default = LeastQueueSize,
    };

    /// <summary>The largest packet that the guest is to send.</summary>
    public static readonly NumberProperty HostMtu = new("host_mtu", "the MTU that the guest is offered, in bytes; 0: none") { Greatest = ushort.MaxValue, Default = 0 };

    /// <summary>What the guest shows as the link's speed.</summary>
    public static readonly NumberProperty Speed = new("speed", "the link's speed that the guest shows, in megabits a second; by default none") { Greatest = int.MaxValue };

    /// <summary>What the guest shows as the link's duplex.</summary>
    public static readonly ChoiceProperty Duplex = new("duplex", "the link's duplex that the guest shows; by default none", "str", "half", "full");

    /// <summary>A feature of legacy devices.</summary>
    public static readonly SwitchProperty Gso = new("gso", "accepted: says nothing to the driver of a device that is no legacy one")
    {
        Default = true,
        Visibility = Visibility.Host,
    };

    /// <summary>How QEMU delays what the guest sends.</summary>
    public static readonly ChoiceProperty Tx = new("tx", "accepted, and without effect: the guest's frames are sent at once", "str", "timer", "bh") { Visibility = Visibility.Host };

    /// <summary>For how long, in nanoseconds.</summary>
    public static readonly NumberProperty TxTimer = new("x-txtimer", "accepted, and without effect: the guest's frames are sent at once") { Visibility = Visibility.Host };

    /// <summary>How many frames at a time.</summary>
    public static readonly NumberProperty TxBurst = new("x-txburst", "accepted, and without effect: queues take turns by themselves")
    {
        Greatest = int.MaxValue,
        Visibility = Visibility.Host,
    };

    /// <summary>Its place in the boot order, which no firmware asks for.</summary>
    public static readonly NumberProperty BootIndex = new("bootindex", "accepted: the kernel is given by -kernel")
    {
        Greatest = int.MaxValue,
        Visibility = Visibility.Host,
    };

    /// <summary>The properties that switch a feature, all on by default.</summary>
    private static readonly (SwitchProperty Property, ulong Feature)[] Features =
    [
        (Switch("csum", "whether the guest may leave checksums of what it sends to the host"), ChecksumFeature),
        (Switch("guest_csum", "whether the guest may take frames without a checksum"), GuestChecksumFeature),
        (Switch("guest_tso4", "whether the guest may take unsegmented TCP over IPv4"), GuestTso4Feature),
        (Switch("guest_tso6", "whether the guest may take unsegmented TCP over IPv6"), GuestTso6Feature),
        (Switch("guest_ecn", "whether the guest may take unsegmented TCP with congestion notification"), GuestEcnFeature),
        (Switch("guest_ufo", "whether the guest may take unfragmented UDP"), GuestUfoFeature),
        (Switch("guest_announce", "whether the guest can be asked to announce itself"), GuestAnnounceFeature),
        (Switch("host_tso4", "whether the guest may send unsegmented TCP over IPv4"), HostTso4Feature),
        (Switch("host_tso6", "whether the guest may send unsegmented TCP over IPv6"), HostTso6Feature),
        (Switch("host_ecn", "whether the guest may send unsegmented TCP with congestion notification"), HostEcnFeature),
        (Switch("host_ufo", "whether the guest may send unfragmented UDP"), HostUfoFeature),
        (Switch("mrg_rxbuf", "whether a received frame may be spread over several buffers"), MergeableFeature),
        (Switch("status", "whether the guest can read whether there is a link"), StatusFeature),
        (Switch("ctrl_vq", "whether there is a queue for commands, which the others of these need"), ControlQueueFeature),
        (Switch("ctrl_rx", "whether the guest may choose what it receives"), ControlRxFeature),
        (Switch("ctrl_vlan", "whether the guest may choose VLANs"), ControlVlanFeature),
        (Switch("ctrl_rx_extra", "whether the guest may choose more finely what it receives"), ControlRxExtraFeature),
        (Switch("ctrl_mac_addr", "whether the guest may change its address"), ControlMacFeature),
        (Switch("ctrl_guest_offloads", "whether the guest may switch offloads while it runs"), ControlOffloadsFeature),
    ];

    /// <summary>The only instance.</summary>
    public static readonly NetType Instance = new();

    private const ushort LeastQueueSize = 256;
    private const byte FirstOfDefaults = 0x56;
    private const byte LastOfDefaults = 0xfe;
    private const string PrefixOfDefaults = "52:54:00:12:34:";

    private NetType()
        : base(
            "virtio-net-device",
            "virtio network card",
            [Netdev, Mac, MultiQueue, RxQueueSize, TxQueueSize, HostMtu, Speed, Duplex, .. Features.Select(feature => feature.Property), Gso, Tx, TxTimer, TxBurst, BootIndex]) =>
        Layouts = [NetState.Layout];

    /// <inheritdoc/>
    protected override VirtioDevice CreateVirtio(IDeviceContext context, DeviceConfiguration configuration)
    {
        var network = context.Netdev(configuration.Get(Netdev));
        int pairs = configuration.Get(MultiQueue) ? network.QueueCount : 1;
        if (pairs > NetState.MostPairs)
        {
            throw new NetException($"{configuration.Title}: netdev '{network.Id}' has {pairs} queues: expected at most {NetState.MostPairs}, or mq=off");
        }

        return new NetDevice(context, network, new NetDeviceOptions
        {
            Mac = MacProperty.BytesOf(configuration.Get(Mac)),
            Pairs = pairs,
            RxQueueSize = (ushort)configuration.Get(RxQueueSize),
            TxQueueSize = (ushort)configuration.Get(TxQueueSize),
            Mtu = (ushort)configuration.Get(HostMtu),
            Speed = configuration.ValueOf(Speed) as uint?,
            IsFullDuplex = configuration.ValueOf(Duplex) is string duplex ? duplex == "full" : null,
            Switches = SwitchesOf(configuration),
        });
    }

    /// <summary>A card that is given no address has the first of a row that none of the machine's cards has.</summary>
    protected override DeviceConfiguration Fill(DeviceConfiguration device, IReadOnlyList<DeviceConfiguration> others)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(others);
        if (device.Has(Mac))
        {
            return device;
        }

        var taken = others.Where(other => other.Type == this && other.Has(Mac)).Select(other => other.Get(Mac)).ToHashSet(StringComparer.Ordinal);
        for (int last = FirstOfDefaults; last <= LastOfDefaults; last++)
        {
            string address = string.Create(CultureInfo.InvariantCulture, $"{PrefixOfDefaults}{last:x2}");
            if (!taken.Contains(address))
            {
                return device.With(Mac, address);
            }
        }

        throw new DeviceException($"{device.Title}: all MAC addresses that are given by default are taken: expected mac=");
    }

    /// <inheritdoc/>
    protected override void Check(DeviceConfiguration device)
    {
        foreach (var size in new[] { RxQueueSize, TxQueueSize })
        {
            uint value = device.Get(size);
            if (value < LeastQueueSize || value > VirtQueue.GreatestSize || !BitOperations.IsPow2(value))
            {
                throw new DeviceException($"Invalid {size.Name} (= {value}), must be a power of 2 between {LeastQueueSize} and {VirtQueue.GreatestSize}");
            }
        }
    }

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);

    private static SwitchProperty Switch(string name, string help) => new(name, help) { Default = true };

    private static ulong SwitchesOf(DeviceConfiguration device)
    {
        ulong on = device.Get(MultiQueue) ? ulong.MaxValue : ~MultiQueueFeature;
        foreach (var (property, feature) in Features)
        {
            on &= device.Get(property) ? ulong.MaxValue : ~feature;
        }

        return on;
    }
}
