// What a disk request of a Linux guest costs on vmm and on QEMU, in turn. The guest has two disks that are nowhere, so that all of the processor time is
// the way there and back: /dev/vda, whose I/O thread sleeps between events, and /dev/vdb, whose thread polls as it does by default.

using System.Globalization;
using Vmm.Lab.Comparisons;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Requests;

/// <summary>The benchmark of disk requests in the lab; see bench/run.</summary>
internal static class RequestsBenchmark
{
    private const double MostAtDepthOne = 1.03;

    private static readonly (int Depth, int Requests)[] Loads = [(1, 4000), (32, 64_000)];

    private static readonly string[] Disks =
    [
        "-object", "iothread,id=sleeps,poll-max-ns=0", "-object", "iothread,id=polls",
        "-blockdev", "driver=null-co,node-name=disk0,size=1073741824", "-device", "virtio-blk-device,drive=disk0,iothread=sleeps",
        "-blockdev", "driver=null-co,node-name=disk1,size=1073741824", "-device", "virtio-blk-device,drive=disk1,iothread=polls",
    ];

    /// <summary>Runs it.</summary>
    /// <returns>Whether every target was met.</returns>
    internal static async Task<bool> RunAsync(IHost host, int rounds, CancellationToken cancellation)
    {
        await using var ours = await MeasuredGuest.OnVmmAsync(host, Disks, cancellation);
        await using var qemu = await MeasuredGuest.OnQemuAsync(host, Disks, cancellation);
        string version = await ComparedHost.QemuVersionAsync(host, cancellation);
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
                    vmm.Add(await MeasureAsync(ours, polls, depth, requests, cancellation));
                    other.Add(await MeasureAsync(qemu, polls, depth, requests, cancellation));
                }

                isMet &= RequestTable.Print(
                    $"depth {depth}, {(polls ? "the I/O threads poll as they do by default" : "no polling")}",
                    vmm,
                    other,
                    depth == 1 ? MostAtDepthOne : 1,
                    depth > 1,
                    judgesTime: !polls);
            }
        }

        return isMet;
    }

    /// <summary>Makes requests, and none of them, and reports what each cost.</summary>
    private static async Task<RequestFigures> MeasureAsync(MeasuredGuest guest, bool polls, int depth, int count, CancellationToken cancellation)
    {
        string command = $"requests /dev/vd{(polls ? 'b' : 'a')} {depth}";
        await guest.ContinueAsync(cancellation);
        await guest.RunAsync($"{command} {Math.Max(depth, count / 20)}", cancellation);
        var (nothing, _) = await guest.CostsAsync(() => guest.RunAsync($"{command} 0", cancellation));
        var (costs, output) = await guest.CostsAsync(() => guest.RunAsync($"{command} {count}", cancellation));
        await guest.StopAsync(cancellation);
        return output.Split(' ').Select(word => double.Parse(word, CultureInfo.InvariantCulture)).ToArray() is [var took, var median, var percentile, var interrupts]
            ? new RequestFigures((costs - nothing).Of(count), count / (took / 1e9), interrupts / count, median, percentile)
            : throw new IOException($"the guest's program said something else: {output}");
    }
}
