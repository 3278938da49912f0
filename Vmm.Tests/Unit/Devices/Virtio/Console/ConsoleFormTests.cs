using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Console;
using Vmm.Core.State;
using Vmm.Tests.Unit.Devices.Virtio.Saved;

namespace Vmm.Tests.Unit.Devices.Virtio.Console;

/// <summary>A console in a saved file.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ConsoleFormTests : IDisposable
{
    /// <summary>Behind 8 queues: sizes, most ports.</summary>
    private const int Part = 24 + 12 + 4 + (8 * 18);

    private const int PortsMap = Part + 8;
    private const int PortCount = PortsMap + 4;
    private const int FirstPort = PortCount + 4;
    private const int PortLength = 10;
    private const int QueueOfOurs = 31;

    private readonly List<ConsoleGuest> _guests = [];

    public void Dispose() => _guests.ForEach(guest => guest.Dispose());

    [Test]
    public void What_QEMU_has_saved_is_loaded_and_saved_as_it_was() => SavedForms.AssertQemusOwn(Guest().Driver, QemuSections.Console);

    [Test]
    public void Without_a_driver_it_is_as_long_as_QEMUs()
    {
        var guest = new ConsoleGuest(new RingRam(), mostPorts: 31, ConsoleGuest.Console(0, new ManualChardev()));
        _guests.Add(guest);
        Assert.That(SavedForms.Save(guest.Driver.Transport).Qemus, Has.Length.EqualTo(45363));
    }

    [TestCase(DeviceStatus.All, ConsoleRegisters.MultiPort)]
    [TestCase(DeviceStatus.All, 0ul)]
    [TestCase(DeviceStatus.Driver, ConsoleRegisters.MultiPort)]
    public void Nothing_of_a_record_is_lost(uint status, ulong features)
    {
        var guest = Guest();
        guest.Driver.Load(SavedForms.Own(ConsoleState.Layout, Filled(status, features)));

        Assert.That(SavedForms.AssertNothingIsLost(guest.Driver, Guest().Driver), Is.True);
    }

    [Test]
    public void Ports_that_are_at_rest_take_no_section_of_ours()
    {
        var guest = new ConsoleGuest(ConsoleGuest.Console(0, new ManualChardev()), ConsoleGuest.SerialPort(2, new ManualChardev()));
        _guests.Add(guest);
        guest.StartOpen(0, 2);

        Assert.That(SavedForms.AssertNothingIsLost(guest.Driver, Guest().Driver), Is.False);
    }

    [Test]
    public void A_driver_without_ports_of_its_own_has_the_first_open_in_QEMUs_section()
    {
        var guest = Guest();
        guest.Start(multiPort: false);
        guest.Driver.Transport.Quiesce();

        Assert.That(SavedForms.Save(guest.Driver.Transport).Qemus[FirstPort + 4], Is.EqualTo(1));
        Assert.That(SavedForms.AssertNothingIsLost(guest.Driver, Guest().Driver), Is.False);
    }

    [Test]
    public void A_chain_that_QEMU_has_taken_is_put_back_with_how_much_of_it_is_done()
    {
        var guest = Guest();
        guest.Driver.Transport.Quiesce();
        SavedForms.Load(guest.Driver.Transport, QemuSections.ConsoleWithChain);

        var state = new ConsoleState(mostPorts: 3);
        new StateReader(guest.Driver.Save()).Read(ConsoleState.Layout, state);
        Assert.That(state.Ports.Select(port => port.OutputConsumed), Is.EqualTo(new[] { 0u, (3 << 16) + 0x8ec0u }));
        var queue = state.Virtio.Queues[ConsoleQueues.OutputOf(2)];
        Assert.That((queue.NextAvailable, queue.NextUsed), Is.EqualTo((0, 0)), "QEMU has taken one");
        Assert.That(SavedForms.AssertNothingIsLost(guest.Driver, Guest().Driver), Is.True);
    }

    [TestCase(Part + 6, 2, 0, "virtio-console.virtio: max_nr_ports: at most 511 expected, 512 found")]
    [TestCase(Part + 6, 0, 4, "virtio-console max_nr_ports: 3 expected, 4 found")]
    [TestCase(PortsMap + 2, 0, 7, "virtio-console ports_map: 0x5 expected, 0x7 found")]
    [TestCase(PortCount + 2, 0, 4, "virtio-console.virtio: number of ports: at most 3 expected, 4 found")]
    [TestCase(FirstPort + PortLength + 2, 0, 0, "virtio-console ports: 0, 2 expected, 0, 0 found")]
    [TestCase(FirstPort + PortLength + 2, 0, 33, "virtio-console ports: 0, 2 expected, 0, 33 found")]
    public void A_number_that_cannot_be_is_refused(int at, byte high, byte low, string message) =>
        SavedForms.AssertRefused(Guest().Driver, QemuSections.Console.With(at, high, low), null, message);

    [Test]
    public void A_chain_that_cannot_be_is_refused()
    {
        const int Chain = FirstPort + (2 * PortLength);
        SavedForms.AssertRefused(
            Guest().Driver, QemuSections.ConsoleWithChain.With(Chain + 3, 9), null, "virtio-console.virtio: iov_idx of a port: at most 8 expected, 9 found");
        SavedForms.AssertRefused(
            Guest().Driver, QemuSections.ConsoleWithChain.With(Chain + 4, 0, 0, 0, 1), null,
            $"virtio-console.virtio: iov_offset of a port: at most {uint.MaxValue} with all before it expected, {(1ul << 32) + 0x8ec0} found");
    }

    [Test]
    public void Sections_that_contradict_each_other_are_refused()
    {
        const int PortOfOurs = 1;
        const int GuestOpen = PortOfOurs + 4 + 1;
        var guest = Guest();
        guest.Driver.Transport.Quiesce();
        SavedForms.Load(guest.Driver.Transport, QemuSections.ConsoleWithChain);
        byte[] rest = SavedForms.Save(guest.Driver.Transport).Ours!;

        SavedForms.AssertRefused(
            guest.Driver, QemuSections.ConsoleWithChain, rest, "virtio-console elem_popped: none beside 'vmm/virtio-console' expected, one of port 2 found");
        SavedForms.AssertRefused(guest.Driver, QemuSections.Console, rest.With(PortOfOurs + 3, 1), "virtio-console id: 0 expected, 1 found");
        SavedForms.AssertRefused(
            guest.Driver, QemuSections.Console, rest.With(GuestOpen, 1),
            "virtio-console guest_connected: False, as in the device's other section, expected, True found");
    }

    [Test]
    public void Other_ports_than_the_device_has_are_refused_in_ours()
    {
        var guest = Guest();
        guest.Driver.Load(SavedForms.Own(ConsoleState.Layout, Filled(DeviceStatus.All, ConsoleRegisters.MultiPort)));
        var (qemus, rest) = SavedForms.Save(guest.Driver.Transport);
        int common = 18 + (8 * QueueOfOurs);
        SavedForms.AssertRefused(guest.Driver, qemus, [0, .. rest![^common..]], "virtio-console port_count: 2 expected, 0 found");
    }

    private static ConsoleState Filled(uint status, ulong features)
    {
        var state = new ConsoleState(mostPorts: 3) { PortCount = 2, Ports = [new() { Number = 0 }, new() { Number = 2 }] };
        SavedForms.Fill(state.Virtio, VirtioFeatures.Common | features, status: status);
        foreach (var port in state.Ports)
        {
            (port.GuestReady, port.GuestOpen, port.HostOpen) = (port.Number == 0, true, true);
            (port.Announcements, port.OpenChanges, port.OutputConsumed, port.InputCount) = (5, 2, 1234, (ushort)(3 + port.Number));
            port.Input.AsSpan(0, port.InputCount).Fill(0x5a);
        }

        return state;
    }

    private ConsoleGuest Guest()
    {
        _guests.Add(new ConsoleGuest(ConsoleGuest.Console(0, new ManualChardev()), ConsoleGuest.SerialPort(2, new ManualChardev())));
        return _guests[^1];
    }
}
