using Vmm.Lab.Drivers;

namespace Vmm.Tests.Lab;

/// <summary>Every virtio device that a Linux guest can have, for the guests that are tested with all of them.</summary>
internal static class LinuxDevices
{
    /// <summary>The socket of the virtio console, hvc0 in the guest.</summary>
    internal const string TerminalSocket = "hvc.sock";

    /// <summary>The socket of the port that the guest's agent serves.</summary>
    internal const string AgentSocket = "agent.sock";

    /// <summary>How the guest finds its root file system: on the disk.</summary>
    internal static readonly string[] BootFromDisk = ["-append", "console=ttyS0 quiet root=/dev/vda"];

    /// <summary>A console, and a port for the agent, on one virtio-serial device.</summary>
    internal static readonly string[] Ports =
    [
        "-device", "virtio-serial-device,id=ports",
        "-chardev", $"socket,id=hvc,path={TerminalSocket},server=on,wait=off",
        "-device", "virtconsole,id=hvc0,chardev=hvc",
        "-chardev", $"socket,id=agent,path={AgentSocket},server=on,wait=off",
        "-device", "virtserialport,id=agent0,name=org.qemu.guest_agent.0,chardev=agent",
    ];

    /// <summary>Pairs of queues of the network card; a guest uses no more of them than it has processors.</summary>
    internal const int Pairs = 2;

    /// <summary>How the guest is on the network.</summary>
    internal static readonly GuestNetwork Network = GuestNetwork.OnTap(Pairs);

    /// <summary>The arguments of a guest with all of them.</summary>
    internal static readonly string[] All =
    [
        .. BootFromDisk,
        "-blockdev", "driver=file,node-name=disk0,filename=disk.img,discard=unmap",
        "-device", "virtio-blk-device,drive=disk0,id=vda,serial=first",
        .. Ports,
        "-device", "virtio-rng-device",
        .. Network.Arguments,
    ];
}
