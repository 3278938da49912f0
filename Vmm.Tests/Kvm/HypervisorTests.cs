using Microsoft.Extensions.Logging.Abstractions;
using Vmm.Core.Configuration;
using Vmm.Core.Hypervisors;
using Vmm.Kvm;

namespace Vmm.Tests.Kvm;

[NonParallelizable]
public sealed class HypervisorTests
{
    [Test]
    public void A_host_without_the_device_gets_an_error_that_says_what_to_look_for() =>
        Assert.That(
            () => new KvmHypervisor(NullLogger.Instance, "/dev/no-such-device"),
            Throws.TypeOf<HypervisorException>().With.Message.Contains("'/dev/no-such-device'").And.Message.Contains("kvm_intel"));

    [Test]
    public async Task Sixty_four_vcpus_start_stop_and_hand_over()
    {
        TinyMachine.RequireKvm();
        using var memory = new TinyMemory();
        using var machine = new TinyMachine(64, memory).Load(TinyGuests.Reporting);
        machine.Start();
        await machine.WritesAsync(3);
        using var successor = await machine.HandOverAsync();
        successor.Start();
        await successor.WritesAsync(3);
        await successor.StopAsync();

        var values = machine.Written.Concat(successor.Written).Select(w => w.Value).ToArray();
        Assert.That(values, Is.EqualTo(VirtualCpuTests.Numbers(values.Length)));
    }

    [Test]
    public async Task Nothing_is_left_of_a_disposed_machine()
    {
        TinyMachine.RequireKvm();
        CollectLeftovers();
        int descriptors = KvmDescriptors();
        await HasCpuThreadsAsync(0);
        for (int i = 0; i < 5; i++)
        {
            using var machine = new TinyMachine(3).Load(TinyGuests.Reporting);
            machine.Start();
            await machine.WritesAsync(1);
            Assert.That(KvmDescriptors(), Is.EqualTo(descriptors + 5), "the device, a VM and three vCPUs");
            await HasCpuThreadsAsync(3);
        }

        Assert.That(KvmDescriptors(), Is.EqualTo(descriptors));
        await HasCpuThreadsAsync(0);
    }

    [Test]
    public void A_machine_that_cannot_be_made_leaves_nothing_behind()
    {
        TinyMachine.RequireKvm();
        int descriptors = KvmDescriptors();

        Assert.That(() => new TinyMachine(0), Throws.TypeOf<HypervisorException>().With.Message.Contains("0 vCPUs"));
        Assert.That(
            () => new TinyMachine(model: new CpuModel("host", [new CpuFeature("no-such-feature", true)])),
            Throws.TypeOf<HypervisorException>().With.Message.Contains("'no-such-feature'"));
        CollectLeftovers();
        Assert.That(KvmDescriptors(), Is.LessThanOrEqualTo(descriptors + 2), "only the devices that the two fixtures opened");
    }

    [Test]
    public void Memory_that_overlaps_is_refused_by_name()
    {
        TinyMachine.RequireKvm();
        using var machine = new TinyMachine();

        Assert.That(
            () => machine.Vm.Memory.Add(new MemorySlot(1, 0x1000, 0x1000, machine.Memory.Address)),
            Throws.TypeOf<HypervisorException>().With.Message.Contains("memory slot 1, guest address 0x1000"));
    }

    /// <summary>Closes what earlier tests have left to finalizers.</summary>
    private static void CollectLeftovers()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    private static int KvmDescriptors() => Directory.GetFiles("/proc/self/fd")
        .Count(fd => new FileInfo(fd).LinkTarget?.Contains("kvm", StringComparison.Ordinal) == true);

    /// <summary>A thread that was joined is listed for a moment longer, until the kernel has taken it off.</summary>
    private static Task HasCpuThreadsAsync(int count) => TinyMachine.Until(() => CpuThreads() == count);

    private static int CpuThreads() => Directory.GetDirectories("/proc/self/task").Count(IsCpuThread);

    private static bool IsCpuThread(string task)
    {
        try
        {
            string name = File.ReadAllText(Path.Combine(task, "comm"));
            return name.StartsWith("CPU ", StringComparison.Ordinal) && name.TrimEnd().EndsWith("/KVM", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // a thread that ended while we looked
        }
    }
}
