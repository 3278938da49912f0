using System.Buffers.Binary;
using Vmm.Core.State;

namespace Vmm.Tests.Kvm;

/// <summary>Interrupts arrive where the MADT says: each ISA interrupt at the I/O APIC's pin of its own number, but the timer's, 0, at pin 2.</summary>
public sealed class InterruptRoutingTests
{
    private const int Pins = 16; // in KVM's struct kvm_ioapic_state: what is raised, a bit for each pin

    [OneTimeSetUp]
    public static void RequireKvm() => TinyMachine.RequireKvm();

    [TestCase(0, 2)]
    [TestCase(1, 1)]
    [TestCase(3, 3)]
    [TestCase(4, 4)]
    [TestCase(8, 8)]
    [TestCase(9, 9)]
    [TestCase(15, 15)]
    [TestCase(23, 23)]
    public void An_interrupt_raises_the_pin_that_the_MADT_names(int interrupt, int pin)
    {
        using var machine = new TinyMachine();
        uint before = Raised(machine);

        machine.Vm.Interrupts.Line(interrupt).Set(true);

        Assert.That((before, Raised(machine)), Is.EqualTo((0u, 1u << pin)));
    }

    internal static uint Raised(TinyMachine machine)
    {
        var writer = new StateWriter();
        machine.Vm.KernelDevices.Single(device => device.Layout.Name == "kvm-ioapic").Save(writer);
        return BinaryPrimitives.ReadUInt32LittleEndian(writer.Written[Pins..]);
    }
}
