// The lab in which vmm and QEMU are compared. Its times say little, so what counts is counted: exits, MMIO exits and interrupts. Processor time is
// compared too, as a ratio within one run. KVM's own polling for a halted vCPU is off, because it belongs to the host: with it a vCPU's thread is
// never done.

using Vmm.Lab.Hosts;

namespace Vmm.Lab.Comparisons;

/// <summary>The lab, with QEMU in it and KVM's counts within reach.</summary>
internal static class ComparedHost
{
    /// <summary>QEMU, on that host.</summary>
    internal const string Qemu = "qemu-system-x86_64";

    /// <summary>Of the two processors that run guests, the one for a vCPU; a mask.</summary>
    internal const int VcpuProcessor = 2;

    /// <summary>The one for what serves it; a mask.</summary>
    internal const int OtherProcessor = 4;

    /// <summary>The image that it needs beyond the lab's own; bench/Lab/image builds it.</summary>
    private const string HostInitramfs = "out/lab/measuring-host.initramfs";

    /// <summary>Boots it.</summary>
    internal static async Task<LabHost> BootAsync(CancellationToken cancellation)
    {
        Console.Error.WriteLine("booting the lab");
        var host = await LabHost.BootAsync(cancellation, "-initrd", Repository.Path(HostInitramfs));
        try
        {
            await host.RunAsync(
                "mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug; echo 0 > /sys/module/kvm/parameters/halt_poll_ns", cancellation);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Which QEMU it has.</summary>
    internal static async Task<string> QemuVersionAsync(IHost host, CancellationToken cancellation) =>
        (await host.RunAsync($"{Qemu} --version | head -n 1 | cut -d' ' -f4", cancellation)).Trim();
}
