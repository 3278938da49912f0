// What a request of a Linux guest costs on vmm and on QEMU, in the same lab and in turn. The lab's times say little, so what counts is counted:
// exits, MMIO exits and interrupts. Processor time is compared too, as a ratio within one run; the disk is nowhere, so all of it is the way there
// and back. KVM's own polling for a halted vCPU is off, because it belongs to the host: with it a vCPU's thread is never done.
//
// Each figure is the median of the rounds. With many requests in flight fewer exits follow from a slower device too, which finds more requests
// each time. So there a figure above QEMU's is no miss where no fewer requests were served in a second.

using Vmm.Lab.Hosts;

namespace Vmm.Lab.Requests;

/// <summary>The benchmark of requests in the lab; see bench/run.</summary>
internal static class RequestsBenchmark
{
    /// <summary>The image that it needs beyond the lab's own; bench/Lab/image builds it.</summary>
    private const string HostInitramfs = "out/lab/requests-host.initramfs";

    private const double MostAtDepthOne = 1.03;

    private static readonly (int Depth, int Requests)[] Loads = [(1, 4000), (32, 64_000)];

    /// <summary>Runs it.</summary>
    /// <returns>Whether every target was met.</returns>
    internal static async Task<bool> RunAsync(int rounds, CancellationToken cancellation)
    {
        Console.Error.WriteLine("booting the lab");
        await using var host = await LabHost.BootAsync(cancellation, "-initrd", Repository.Path(HostInitramfs));
        await host.RunAsync(
            "mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug; echo 0 > /sys/module/kvm/parameters/halt_poll_ns", cancellation);
        string version = (await host.RunAsync("qemu-system-x86_64 --version | head -n 1 | cut -d' ' -f4", cancellation)).Trim();
        Console.Error.WriteLine("booting the guest on vmm");
        await using var ours = await MeasuredGuest.OnVmmAsync(host, cancellation);
        Console.Error.WriteLine("booting the guest on QEMU");
        await using var qemu = await MeasuredGuest.OnQemuAsync(host, cancellation);

        Console.WriteLine($"requests of 4 KiB, read by Linux in the lab from a disk that is nowhere; medians of {rounds} rounds, vmm and QEMU {version} in turn");
        bool isMet = true;
        foreach (bool polls in new[] { false, true })
        {
            foreach (var (depth, requests) in Loads)
            {
                var (vmm, other) = (new List<RequestFigures>(), new List<RequestFigures>());
                for (int round = 0; round < rounds; round++)
                {
                    Console.Error.WriteLine($"depth {depth}, {(polls ? "polling" : "no polling")}, round {round + 1}");
                    vmm.Add(await ours.MeasureAsync(polls, depth, requests, cancellation));
                    other.Add(await qemu.MeasureAsync(polls, depth, requests, cancellation));
                }

                isMet &= new RequestTable(vmm, other).Print(
                    $"depth {depth}, {(polls ? "the I/O threads poll as they do by default" : "no polling")}", depth == 1 ? MostAtDepthOne : 1, depth > 1, judgesTime: !polls);
            }
        }

        return isMet;
    }
}
