using Vmm.Core.Configuration;
using Vmm.Core.Hypervisors;
using Vmm.Core.Memory;
using Vmm.Core.Native;

namespace Vmm.Tests.Kvm;

/// <summary>RAM whose page the host cannot provide: the access is neither dropped nor answered by a device.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class MissingPageTests
{
    private const ulong Above = 0x100000;

    private static readonly MemoryBackendConfiguration Backend = new(MemoryBackendKind.Memfd, "ram1", 1 << 20) { Seal = false };

    [SetUp]
    public void RequireKvm() => TinyMachine.RequireKvm();

    [TestCase(false)]
    [TestCase(true)]
    [Promise(35)]
    public async Task An_access_to_it_fails_with_its_address_and_a_reset_leads_out(bool writes)
    {
        using var ram = RamBlock.Create(Backend);
        using var machine = new TinyMachine();
        machine.Vm.Memory.Add(new MemorySlot(1, Above, ram.Size, ram.HostAddress));
        Resize(ram, 0);

        machine.Load(writes ? TinyGuests.WritingAbove : TinyGuests.ReachingOut).Start();
        string failure = await machine.Failure.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await machine.StopAsync();
        Resize(ram, (long)ram.Size);
        machine.Load(TinyGuests.ReachingOut).Start();

        await machine.WritesAsync(1);
        Assert.That(failure, Does.Match("guest address 0x1000[0-9a-f]{2}"));
        Assert.That(machine.Written.Single().Value, Is.Zero, "what a file holds that was cut short and is long again");
        Assert.That(machine.MmioWritten, Is.Empty);
    }

    private static void Resize(RamBlock ram, long length)
    {
        using var file = new FileStream($"/proc/self/fd/{ram.File!.DangerousGetHandle()}", FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.SetLength(length);
    }
}
