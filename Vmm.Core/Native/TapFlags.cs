namespace Vmm.Core.Native;

/// <summary>What a tun or tap interface, or a queue of it, is; the values of linux/if_tun.h.</summary>
[Flags]
internal enum TapFlags
{
    None = 0,

    /// <summary>IFF_TUN: packets without an Ethernet header.</summary>
    Tun = 0x0001,

    /// <summary>IFF_TAP: Ethernet frames.</summary>
    Tap = 0x0002,

    /// <summary>IFF_MULTI_QUEUE: several descriptors may be queues of it.</summary>
    MultiQueue = 0x0100,

    /// <summary>IFF_ATTACH_QUEUE: frames are put into this queue.</summary>
    AttachQueue = 0x0200,

    /// <summary>IFF_DETACH_QUEUE: no frames are put into this queue.</summary>
    DetachQueue = 0x0400,

    /// <summary>IFF_NO_PI: no packet information before a frame.</summary>
    NoPacketInformation = 0x1000,

    /// <summary>IFF_VNET_HDR: a virtio-net header before a frame.</summary>
    Headers = 0x4000,
}
