using System.Globalization;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Comparisons;

/// <summary>What a VMM process has cost its host so far: exits and interrupts as its KVM counts them, and the processor time of its threads.</summary>
/// <param name="Exits">Exits of all kinds.</param>
/// <param name="MmioExits">Memory accesses that left KVM for the process.</param>
/// <param name="HaltExits">Exits because the guest had nothing to do.</param>
/// <param name="Interrupts">Interrupts that KVM injected.</param>
/// <param name="Nanoseconds">Processor time of all threads, the guest's own included.</param>
/// <param name="VcpuNanoseconds">That of the vCPU's thread.</param>
/// <param name="GuestNanoseconds">The part of it in the guest; sampled by the host's timer, so it is less exact than the others.</param>
internal sealed record HostCosts(
    double Exits, double MmioExits, double HaltExits, double Interrupts, double Nanoseconds, double VcpuNanoseconds, double GuestNanoseconds)
{
    private const int TicksPerSecond = 100;

    public static HostCosts operator -(HostCosts after, HostCosts before) => new(
        after.Exits - before.Exits,
        after.MmioExits - before.MmioExits,
        after.HaltExits - before.HaltExits,
        after.Interrupts - before.Interrupts,
        after.Nanoseconds - before.Nanoseconds,
        after.VcpuNanoseconds - before.VcpuNanoseconds,
        after.GuestNanoseconds - before.GuestNanoseconds);

    /// <summary>Reads them.</summary>
    /// <param name="host">Where the process runs.</param>
    /// <param name="process">Its id.</param>
    /// <param name="vcpu">The id of its vCPU's thread.</param>
    internal static async Task<HostCosts> ReadAsync(IHost host, int process, int vcpu)
    {
        string text = await host.RunAsync(
            $"cd /sys/kernel/debug/kvm/{process}-* && cat exits mmio_exits halt_exits irq_injections && cd /proc/{process}/task && "
            + $"awk '{{ n += $1 }} END {{ print n }}' */schedstat && cut -d' ' -f1 {vcpu}/schedstat && sed 's/.*) //' {vcpu}/stat | cut -d' ' -f41");
        double[] numbers = [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => double.Parse(line, CultureInfo.InvariantCulture))];
        return numbers is [var exits, var mmio, var halts, var interrupts, var all, var own, var guest]
            ? new HostCosts(exits, mmio, halts, interrupts, all, own, guest * (1e9 / TicksPerSecond))
            : throw new IOException($"seven numbers expected, got: {text}");
    }

    /// <summary>Of each of so many parts.</summary>
    internal HostCosts Of(double parts) => new(
        Exits / parts,
        MmioExits / parts,
        HaltExits / parts,
        Interrupts / parts,
        Nanoseconds / parts,
        VcpuNanoseconds / parts,
        GuestNanoseconds / parts);
}
