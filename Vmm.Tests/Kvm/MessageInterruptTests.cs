using Vmm.Core.Buses;
using Vmm.Core.Native;

namespace Vmm.Tests.Kvm;

/// <summary>Interrupts that no pin of the in-kernel controllers has: an eventfd raises one, by the route that the guest programmed.</summary>
public sealed class MessageInterruptTests
{
    private const int Gsi = 24;

    /// <summary>A non-maskable interrupt to APIC 0, which a guest in real mode takes without any preparation.</summary>
    private static readonly InterruptMessage Nmi = new(0xfee00000, 4 << 8);

    /// <summary>Waits; its handler for the NMI, at 0x1010, writes port 0x10.</summary>
    private static readonly byte[] Waits =
    [
        0xeb, 0xfe,                                 // 1000: jmp 1000
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0xe6, 0x10,                                 // 1010: out 0x10, al
        0xcf,                                       //       iret
    ];

    [OneTimeSetUp]
    public static void RequireKvm() => TinyMachine.RequireKvm();

    [Test]
    public async Task An_eventfd_raises_an_interrupt_where_its_route_leads()
    {
        using var eventFd = EventFd.Create();
        using var machine = Start();
        using var binding = machine.Vm.Interrupts.Bind(Gsi, eventFd);
        machine.Vm.Interrupts.Route([new(Gsi, Nmi)]);

        EventFd.Signal(eventFd);
        await machine.WritesAsync(1);
        EventFd.Signal(eventFd);
        await machine.WritesAsync(1);
    }

    [Test]
    public async Task Without_a_route_or_a_binding_nothing_is_raised()
    {
        using var eventFd = EventFd.Create();
        using var other = EventFd.Create();
        using var machine = Start();
        using var another = machine.Vm.Interrupts.Bind(Gsi + 1, other);

        // KVM hands an interrupt without a route to a worker of the kernel's; the end of the binding waits for that.
        using (machine.Vm.Interrupts.Bind(Gsi, eventFd))
        {
            EventFd.Signal(eventFd);
        }

        machine.Vm.Interrupts.Route([new(Gsi, Nmi), new(Gsi + 1, Nmi)]);
        EventFd.Signal(eventFd);
        EventFd.Signal(other);
        await machine.WritesAsync(1);

        await machine.StopAsync();
        Assert.That(machine.Writes, Is.EqualTo(1));
    }

    [Test]
    public void Pins_stay_where_they_were_when_messages_are_routed()
    {
        using var machine = new TinyMachine();
        machine.Vm.Interrupts.Route([new(Gsi, Nmi), new(47, Nmi)]);

        machine.Vm.Interrupts.Line(23).Set(true);

        Assert.That(InterruptRoutingTests.Raised(machine), Is.EqualTo(1u << 23));
    }

    [TestCase(23)]
    [TestCase(48)]
    public void Only_interrupts_24_to_47_are_routed(int gsi)
    {
        using var machine = new TinyMachine();
        Assert.That(() => machine.Vm.Interrupts.Route([new(gsi, Nmi)]), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public async Task A_doorbell_takes_the_writes_of_its_value_and_leaves_the_others()
    {
        byte[] rings =
        [
            0xb8, 0xff, 0xff, 0x8e, 0xd8,           // mov ax, 0xffff; mov ds, ax
            0x66, 0xb8, 5, 0, 0, 0,                 // mov eax, 5
            0x66, 0xa3, 0x50, 0x00,                 // mov [0x50], eax: address 0x100040
            0x66, 0xb8, 6, 0, 0, 0,                 // mov eax, 6
            0x66, 0xa3, 0x50, 0x00,                 // mov [0x50], eax
            0xe6, 0x10,                             // out 0x10, al
            0xf4,                                   // hlt
        ];
        using var eventFd = EventFd.Create();
        using var machine = new TinyMachine().Load(rings);
        using (machine.Vm.Doorbells.Bind(0x100040, 5, eventFd))
        {
            machine.Start();
            await machine.WritesAsync(1);
            await machine.StopAsync();
            Assert.That(FileDescriptor.PollNow(eventFd, FdEvents.In), Is.EqualTo(FdEvents.In));
            Assert.That(machine.MmioWritten.Select(write => (write.Address, write.Data[0])), Is.EqualTo(new[] { (0x100040ul, (byte)6) }));
        }

        machine.Load(rings).Start();
        await machine.WritesAsync(1);
        await machine.StopAsync();
        Assert.That(machine.MmioWritten.Select(write => write.Data[0]), Is.EqualTo(new byte[] { 6, 5, 6 }), "the binding is gone");
    }

    private static TinyMachine Start()
    {
        var machine = new TinyMachine().Load(Waits);
        ReadOnlySpan<byte> vector = [0x10, 0x10, 0, 0];
        vector.CopyTo(machine.Memory.Bytes[8..]);
        machine.Start();
        return machine;
    }
}
