using Vmm.Core.Configuration;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Devices;

/// <summary>The ports of a board that is built as the program builds it: every register of every device answers.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BoardPortsTests : IDisposable
{
    private readonly MachineFiles _files = new();
    private readonly MachineHost _host;

    public BoardPortsTests()
    {
        _host = new MachineHost(
            _files.Configuration with { Acpi = true, Devices = [.. _files.Configuration.Devices, DeviceOption.Parse("isa-debug-exit,iobase=0xf4,iosize=4")] }, new GuestOwnership());
        _host.Do(_host.Machine.PowerOn);
    }

    public void Dispose()
    {
        _host.Dispose();
        _files.Dispose();
    }

    [Test]
    public void Exactly_the_ports_of_its_devices_answer()
    {
        ushort[] answering = [.. Enumerable.Range(0, 65536).Select(port => (ushort)port).Where(port => _host.Board.Answers(port))];

        Assert.That(
            answering.Select(port => port.ToString("x", System.Globalization.CultureInfo.InvariantCulture)),
            Is.EqualTo((string[])
            [
                "60", "64", "70", "71", "e9", "f4", "f5", "f6", "f7", "3f8", "3f9", "3fa", "3fb", "3fc", "3fd", "3fe", "3ff",
                "600", "601", "602", "603", "604", "605", "606", "607", "608", "609", "60a", "60b",
            ]));
    }

    [Test]
    public void The_keyboard_controller_passes_its_self_test()
    {
        _host.Board.PortWrite(0x64, 1, 0xaa);

        Assert.That(_host.Board.PortRead(0x64, 1) & 1, Is.EqualTo(1), "an answer is there");
        Assert.That(_host.Board.PortRead(0x60, 1), Is.EqualTo(0x55));
    }
}
