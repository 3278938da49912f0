using System.Globalization;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>What a guest's virtio requests have cost so far: the guest counts interrupts of the device, one a request; the host's KVM counts exits.</summary>
/// <param name="Requests">Interrupts of virtio devices that the guest took.</param>
/// <param name="MmioExits">Memory accesses that left KVM for the process.</param>
/// <param name="Exits">Exits of all kinds.</param>
/// <param name="Injections">Interrupts of all kinds that KVM injected.</param>
internal sealed record VirtioCost(long Requests, long MmioExits, long Exits, long Injections)
{
    public static VirtioCost operator -(VirtioCost after, VirtioCost before) => new(
        after.Requests - before.Requests,
        after.MmioExits - before.MmioExits,
        after.Exits - before.Exits,
        after.Injections - before.Injections);

    internal static async Task<VirtioCost> ReadAsync(IHost host, LinuxGuest guest)
    {
        string interrupts = await guest.RunAsync(
            "awk '/virtio/ { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' /proc/interrupts");
        string counts = await host.RunAsync(
            "mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug; "
            + $"cd /sys/kernel/debug/kvm/{guest.Process.Pid}-* && cat mmio_exits exits irq_injections");
        long[] numbers = [.. counts.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Number)];
        return new VirtioCost(Number(interrupts), numbers[0], numbers[1], numbers[2]);
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Requests} requests, each {(double)MmioExits / Requests:0.00} MMIO exits, {(double)Exits / Requests:0.0} exits, {(double)Injections / Requests:0.00} interrupts");

    private static long Number(string text) => long.Parse(text.AsSpan().Trim(), CultureInfo.InvariantCulture);
}
