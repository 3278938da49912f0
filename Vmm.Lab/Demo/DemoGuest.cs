// The command lines of the demo. All processes get the same arguments; the new ones "plus" the update options, which is
// the whole of what a user has to add for a live update.

using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Demo;

/// <summary>How the demo's vmm processes are started.</summary>
internal static class DemoGuest
{
    internal const string ConsoleSocket = "console.sock";
    internal const string QmpSocket = "qmp.sock";
    internal const string Disk = "disk.img";

    /// <summary>What every process of the demo is started with.</summary>
    internal static ArgumentList Arguments(IHost host, GuestNetwork network) => Machine(host, network).With("-monitor", "stdio");

    /// <summary>The same without the monitor on standard input and output.</summary>
    internal static ArgumentList Machine(IHost host, GuestNetwork network) => new ArgumentList
    {
        { "-name", "demo" },
        { "-machine", "microvm,memory-backend=ram0" },
        { "-accel", "kvm" },
        { "-cpu", "host" },
        { "-smp", "2" },
        { "-m", "256M" },
        { "-object", "memory-backend-memfd,id=ram0,size=256M,share=on" },
        "-nodefaults",
        { "-display", "none" },
        { "-kernel", host.GuestKernel },
        { "-initrd", host.GuestInitramfs },
        { "-append", "console=ttyS0 quiet root=/dev/vda" },
        { "-blockdev", $"driver=file,node-name=disk0,filename={Disk}" },
        { "-device", "virtio-blk-device,drive=disk0" },
        { "-chardev", $"socket,id=console,path={ConsoleSocket},server=on,wait=off" },
        { "-serial", "chardev:console" },
        { "-qmp", $"unix:{QmpSocket},server=on,wait=off" },
    }.With([.. network.Arguments]);

    /// <summary>The update options of the series' first version.</summary>
    internal static readonly string[] ByCprUri = ["-incoming", "unix:vm.sock", "-cpr-uri", "unix:cpr.sock"];

    /// <summary>The update options of the form that QEMU merged.</summary>
    internal static readonly string[] ByChannels =
        ["-incoming", "unix:vm2.sock", "-incoming", "cpr,addr.transport=socket,addr.type=unix,addr.path=cpr2.sock"];

    /// <summary>The arguments of <c>migrate</c> that lead to a process started with <see cref="ByChannels"/>.</summary>
    internal const string MigrateByChannels =
        """
        {"channels": [
            {"channel-type": "main", "addr": {"transport": "socket", "type": "unix", "path": "vm2.sock"}},
            {"channel-type": "cpr", "addr": {"transport": "socket", "type": "unix", "path": "cpr2.sock"}}]}
        """;
}
