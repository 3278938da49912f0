// The devices of a microvm, and the back ends that they use.
//
// The lists at the end are all that the rest of the machine knows of them: what to reset, whose state travels, which
// descriptors go along. Adding a device means making it here and nowhere else.

using Vmm.Core.Acpi;
using Vmm.Core.Boot;
using Vmm.Core.Buses;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Devices;
using Vmm.Core.Devices.Acpi;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.Cmos;
using Vmm.Core.Devices.DebugConsole;
using Vmm.Core.Devices.DebugExit;
using Vmm.Core.Devices.I8042;
using Vmm.Core.Devices.Serial;
using Vmm.Core.Hypervisors;
using Vmm.Core.Memory;
using Vmm.Core.State;

using FixedHardware = Vmm.Core.Devices.Acpi.Acpi;

namespace Vmm.Core.Machines;

/// <summary>A board's devices.</summary>
internal sealed class BoardDevices : IDisposable
{
    private readonly MachineConfiguration _configuration;
    private readonly PortBus _ports;
    private readonly IVirtualMachine _vm;
    private readonly Dictionary<string, Chardev> _chardevs;
    private readonly List<StateSection> _sections = [];
    private readonly List<Action> _resets = [];
    private readonly List<Serial> _serials = [];
    private readonly FixedHardware? _acpi;
    private readonly CmosClock _cmos;

    internal BoardDevices(BoardSetup setup, PortBus ports, IVirtualMachine vm, GuestMemory memory)
    {
        _configuration = setup.Configuration;
        _ports = ports;
        _vm = vm;
        Clock = new GuestClock(setup.Time);
        _chardevs = UsedChardevs().ToDictionary(c => c.Id, c => ChardevFactory.Create(c, setup.IoLoop, setup.Log));

        Carry(Clock);
        _cmos = new CmosClock(
            setup.Time,
            vm.InterruptLine(CmosRegisters.Interrupt),
            new LoopDeviceTimer(setup.IoLoop),
            (long)memory.BelowHole,
            (long)memory.AboveHole);
        Attach(_cmos, _cmos.Reset);
        var keyboard = new I8042(setup.Power);
        Attach(keyboard, keyboard.Reset);
        foreach (var port in _configuration.Serials)
        {
            var serial = new Serial(
                port.IoBase, vm.InterruptLine(port.Irq), _chardevs[port.ChardevId], new LoopDeviceTimer(setup.IoLoop));
            _serials.Add(serial);
            Attach(serial, serial.Reset, port.Index);
        }

        if (_configuration.DebugConsole is { } console)
        {
            var debugConsole = new DebugConsole(console.IoBase, _chardevs[console.ChardevId], vm.WakeCpus);
            _ports.Attach(debugConsole);
            Carry(debugConsole);
        }

        if (_configuration.DebugExit is { } exit)
        {
            _ports.Attach(new DebugExit(exit.IoBase, exit.IoSize, setup.Power));
        }

        if (_configuration.Acpi)
        {
            _acpi = new FixedHardware(vm.InterruptLine(AcpiRegisters.SystemControlInterrupt), Clock, setup.Power);
            Attach(_acpi, _acpi.Reset);
        }

        int instance = 0;
        foreach (var chardev in Chardevs)
        {
            _sections.Add(new StateSection(instance++, chardev));
        }
    }

    /// <summary>The time that devices count in.</summary>
    internal GuestClock Clock { get; }

    /// <summary>The back ends, in the order of the devices that use them.</summary>
    internal IReadOnlyList<Chardev> Chardevs => [.. UsedChardevs().Select(c => _chardevs[c.Id])];

    /// <summary>Whose state travels, in saving order: devices before the back ends they write to.</summary>
    internal IReadOnlyList<StateSection> Sections => _sections;

    /// <summary>What a kernel is told of the devices.</summary>
    internal BootParameters BootParameters => new()
    {
        CommandLine = _configuration.KernelCommandLine,
        Acpi = _acpi is null ? null : new AcpiPlatform(_configuration.Topology.Count, _configuration.Serials),
    };

    /// <summary>Descriptors that go with the guest.</summary>
    internal IEnumerable<CarriedDescriptor> Carried =>
        Chardevs.SelectMany(chardev => chardev.Export()).Select(d => new CarriedDescriptor(d.Name, d.Handle));

    /// <summary>Every device to its power-on state.</summary>
    internal void Reset() => _resets.ForEach(reset => reset());

    /// <summary>Makes everything fall silent that acts by itself: when this returns, none moves a byte or raises an interrupt.</summary>
    internal void Quiesce()
    {
        foreach (var chardev in Chardevs)
        {
            chardev.Quiesce();
        }

        _serials.ForEach(serial => serial.Quiesce());
        _cmos.Quiesce();
    }

    /// <summary>Lets it go on.</summary>
    /// <param name="step">Runs one part, given its name: the caller says what becomes of a failure.</param>
    internal void Wake(Action<string, Action> step)
    {
        foreach (var chardev in Chardevs)
        {
            step($"chardev '{chardev.Label}'", chardev.Start);
        }

        foreach (var serial in _serials)
        {
            step("a serial port", serial.Wake);
        }

        step("the CMOS clock", _cmos.Wake);
    }

    /// <summary>Completes when the guest's output so far has reached whoever reads it.</summary>
    internal Task DeliveredAsync()
    {
        _serials.ForEach(serial => serial.Flush());
        return Task.WhenAll(Chardevs.Select(chardev => chardev.DeliveredAsync()));
    }

    /// <summary>Presses the power button.</summary>
    /// <exception cref="MachineException">There is none.</exception>
    internal void PressPowerButton()
    {
        var acpi = _acpi ?? throw new MachineException("the machine has no power button: it was made with acpi=off");
        acpi.PressPowerButton();
    }

    /// <summary>Closes the back ends.</summary>
    public void Dispose()
    {
        foreach (var chardev in Chardevs)
        {
            chardev.Dispose();
        }
    }

    private IEnumerable<ChardevConfiguration> UsedChardevs()
    {
        var used = _configuration.Serials.Select(s => s.ChardevId).Concat(
            _configuration.DebugConsole is { } console ? [console.ChardevId] : []);
        return used.Select(id => _configuration.Chardevs.First(c => c.Id == id));
    }

    private void Attach<T>(T device, Action reset, int instance = 0)
        where T : IPortDevice, IStateful
    {
        _ports.Attach(device);
        _resets.Add(reset);
        Carry(device, instance);
    }

    private void Carry(IStateful device, int instance = 0) => _sections.Add(new StateSection(instance, device));
}
