// What TCP to a Linux guest and from it costs on vmm and on QEMU, in turn: on a tap each, served by the process itself and not by the kernel (vhost).

using System.Globalization;
using Vmm.Lab.Comparisons;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Traffic;

/// <summary>The benchmark of TCP in the lab; see bench/run.</summary>
internal static class TrafficBenchmark
{
    private const int Mebibytes = 64;

    /// <summary>Runs it.</summary>
    /// <returns>Whether every target was met.</returns>
    internal static async Task<bool> RunAsync(IHost host, int rounds, CancellationToken cancellation)
    {
        await using var ours = await NetworkedGuest.OnVmmAsync(host, cancellation);
        await using var qemu = await NetworkedGuest.OnQemuAsync(host, cancellation);
        string version = await ComparedHost.QemuVersionAsync(host, cancellation);
        Console.WriteLine(
            $"{Mebibytes} MiB of TCP (iperf3) between the lab and Linux in it, on a tap, without vhost; medians of {rounds} rounds, vmm and QEMU {version} in turn");
        Console.WriteLine($"  features that the driver accepted, vmm:  {Hexadecimal(await ours.FeaturesAsync(cancellation))}");
        Console.WriteLine($"  features that the driver accepted, QEMU: {Hexadecimal(await qemu.FeaturesAsync(cancellation))}");
        bool isMet = true;
        foreach (bool toGuest in new[] { false, true })
        {
            var (vmm, other) = (new List<TrafficFigures>(), new List<TrafficFigures>());
            string direction = toGuest ? "to the guest" : "from the guest";
            for (int round = 0; round < rounds; round++)
            {
                Console.Error.WriteLine($"{direction}, round {round + 1}");
                vmm.Add(await ours.MeasureAsync(toGuest, Mebibytes, cancellation));
                other.Add(await qemu.MeasureAsync(toGuest, Mebibytes, cancellation));
            }

            isMet &= Print(direction, vmm, other);
        }

        return isMet;
    }

    private static bool Print(string title, List<TrafficFigures> ours, List<TrafficFigures> theirs)
    {
        const double Microsecond = 1e3;
        const double Megabit = 1e6;
        ComparisonTable<TrafficFigures>.PrintTitle(title);
        var table = new ComparisonTable<TrafficFigures>(ours, theirs);
        table.PrintRate("throughput, Mbit/s", f => f.BitsPerSecond / Megabit, "no less throughput");
        table.Print("exits a MiB", f => f.Costs.Exits, 1, mayBeExcused: true);
        table.Print("MMIO exits a MiB", f => f.Costs.MmioExits, 1, mayBeExcused: true);
        table.Print("interrupts a MiB", f => f.Costs.Interrupts, 1, mayBeExcused: true);
        table.Print("  of the network card", f => f.DeviceInterrupts);
        table.Print("halts a MiB", f => f.Costs.HaltExits);
        table.Print("frames to the guest a MiB", f => f.FramesToGuest);
        table.Print("frames from the guest a MiB", f => f.FramesFromGuest);
        table.Print("processor time a MiB, us", f => f.Costs.Nanoseconds / Microsecond);
        table.Print("  of threads other than the vCPU's", f => (f.Costs.Nanoseconds - f.Costs.VcpuNanoseconds) / Microsecond);
        table.Print("  of the vCPU's outside of the guest (sampled)", f => (f.Costs.VcpuNanoseconds - f.Costs.GuestNanoseconds) / Microsecond);
        return table.IsMet;
    }

    /// <summary>Of the driver's row of bits, the first of which is feature 0.</summary>
    private static string Hexadecimal(string bits) =>
        string.Create(CultureInfo.InvariantCulture, $"0x{Convert.ToUInt64(string.Concat(bits.Trim().Reverse()), 2):x}");
}
