namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>Numbers of the network device. Source: virtio 1.2, section 5.1.</summary>
internal static class NetRegisters
{
    /// <summary>VIRTIO_NET_F_CSUM: the driver leaves checksums of what it sends to the device.</summary>
    internal const ulong ChecksumFeature = 1UL << 0;

    /// <summary>VIRTIO_NET_F_GUEST_CSUM: the driver takes frames without a checksum.</summary>
    internal const ulong GuestChecksumFeature = 1UL << 1;

    /// <summary>VIRTIO_NET_F_CTRL_GUEST_OFFLOADS: the driver switches offloads while it runs.</summary>
    internal const ulong ControlOffloadsFeature = 1UL << 2;

    /// <summary>VIRTIO_NET_F_MTU.</summary>
    internal const ulong MtuFeature = 1UL << 3;

    /// <summary>VIRTIO_NET_F_MAC.</summary>
    internal const ulong MacFeature = 1UL << 5;

    /// <summary>VIRTIO_NET_F_GUEST_TSO4.</summary>
    internal const ulong GuestTso4Feature = 1UL << 7;

    /// <summary>VIRTIO_NET_F_GUEST_TSO6.</summary>
    internal const ulong GuestTso6Feature = 1UL << 8;

    /// <summary>VIRTIO_NET_F_GUEST_ECN.</summary>
    internal const ulong GuestEcnFeature = 1UL << 9;

    /// <summary>VIRTIO_NET_F_GUEST_UFO.</summary>
    internal const ulong GuestUfoFeature = 1UL << 10;

    /// <summary>VIRTIO_NET_F_HOST_TSO4.</summary>
    internal const ulong HostTso4Feature = 1UL << 11;

    /// <summary>VIRTIO_NET_F_HOST_TSO6.</summary>
    internal const ulong HostTso6Feature = 1UL << 12;

    /// <summary>VIRTIO_NET_F_HOST_ECN.</summary>
    internal const ulong HostEcnFeature = 1UL << 13;

    /// <summary>VIRTIO_NET_F_HOST_UFO.</summary>
    internal const ulong HostUfoFeature = 1UL << 14;

    /// <summary>VIRTIO_NET_F_MRG_RXBUF: a received frame may be spread over several buffers.</summary>
    internal const ulong MergeableFeature = 1UL << 15;

    /// <summary>VIRTIO_NET_F_STATUS: the state of the link is in configuration space.</summary>
    internal const ulong StatusFeature = 1UL << 16;

    /// <summary>VIRTIO_NET_F_CTRL_VQ.</summary>
    internal const ulong ControlQueueFeature = 1UL << 17;

    /// <summary>VIRTIO_NET_F_CTRL_RX.</summary>
    internal const ulong ControlRxFeature = 1UL << 18;

    /// <summary>VIRTIO_NET_F_CTRL_VLAN: frames are filtered by VLAN.</summary>
    internal const ulong ControlVlanFeature = 1UL << 19;

    /// <summary>VIRTIO_NET_F_CTRL_RX_EXTRA.</summary>
    internal const ulong ControlRxExtraFeature = 1UL << 20;

    /// <summary>VIRTIO_NET_F_GUEST_ANNOUNCE: the driver announces itself when it is asked to.</summary>
    internal const ulong GuestAnnounceFeature = 1UL << 21;

    /// <summary>VIRTIO_NET_F_MQ.</summary>
    internal const ulong MultiQueueFeature = 1UL << 22;

    /// <summary>VIRTIO_NET_F_CTRL_MAC_ADDR.</summary>
    internal const ulong ControlMacFeature = 1UL << 23;

    /// <summary>VIRTIO_NET_F_SPEED_DUPLEX.</summary>
    internal const ulong SpeedDuplexFeature = 1UL << 63;

    /// <summary>What a guest completes of received frames.</summary>
    internal const ulong GuestOffloads = GuestChecksumFeature | GuestTso4Feature | GuestTso6Feature | GuestEcnFeature | GuestUfoFeature;

    /// <summary>What only frames with a header can carry.</summary>
    internal const ulong NeedHeaders =
        GuestOffloads | ChecksumFeature | HostTso4Feature | HostTso6Feature | HostEcnFeature | HostUfoFeature | ControlOffloadsFeature;

    /// <summary>What is said by the control queue.</summary>
    internal const ulong NeedControlQueue =
        ControlOffloadsFeature | ControlRxFeature | ControlVlanFeature | ControlRxExtraFeature | GuestAnnounceFeature | MultiQueueFeature | ControlMacFeature;

    /// <summary>How long configuration space is.</summary>
    internal const int ConfigurationLength = 17;

    /// <summary>Of the status: frames pass.</summary>
    internal const uint LinkUp = 1;

    /// <summary>Of the status: the driver is asked to announce itself.</summary>
    internal const uint Announce = 2;

    /// <summary>The header of each frame, which VERSION_1 makes as long as with mergeable buffers.</summary>
    internal const int HeaderLength = 12;

    /// <summary>Where in the header the number of buffers is that a received frame takes.</summary>
    internal const int BufferCountOffset = 10;

    /// <summary>Destination, source and type.</summary>
    internal const int EthernetLength = 14;

    internal const int MacLength = 6;

    /// <summary>The most addresses of stations and groups in a receive filter, in all.</summary>
    internal const int MostAddresses = 64;

    internal const int MostVlans = 4096;

    internal const byte Ok = 0;
    internal const byte Error = 1;

    internal const byte ClassRx = 0;
    internal const byte RxPromiscuous = 0;
    internal const byte RxAllMulticast = 1;
    internal const byte RxAllUnicast = 2;
    internal const byte RxNoMulticast = 3;
    internal const byte RxNoUnicast = 4;
    internal const byte RxNoBroadcast = 5;

    internal const byte ClassMac = 1;
    internal const byte MacTableSet = 0;
    internal const byte MacAddressSet = 1;

    internal const byte ClassVlan = 2;
    internal const byte VlanAdd = 0;
    internal const byte VlanDelete = 1;

    internal const byte ClassAnnounce = 3;
    internal const byte AnnounceAcknowledge = 0;

    internal const byte ClassMultiQueue = 4;
    internal const byte PairsSet = 0;

    internal const byte ClassGuestOffloads = 5;
    internal const byte GuestOffloadsSet = 0;
}
