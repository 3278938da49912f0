// The configuration while the command line is being read. Each option sets its value here; Build adds what was not given
// (the defaults that depend on other options) and checks what no option can check alone: that names refer to something, that
// nothing is used twice, that sizes agree, that there is something to run.

using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;

namespace Vmm.CommandLine;

/// <summary>Collects options and builds the configuration.</summary>
internal sealed class ConfigurationDraft
{
    private readonly List<MonitorConfiguration> _monitors = [];
    private readonly List<MemoryBackendConfiguration> _backends = [];
    private readonly List<RngConfiguration> _rngs = [];
    private readonly List<IoThreadConfiguration> _ioThreads = [];
    private readonly List<SecretConfiguration> _secrets = [];
    private readonly List<string> _accelerators = [];
    private OptionList? _smp;
    private NumaOption? _numa;
    private ulong? _ramSize;
    private int _monitorNumber;
    private bool _isMonitorGiven;

    /// <summary>What is not about the machine's parts.</summary>
    internal ProgramConfiguration Program { get; set; } = new();

    /// <summary>The machine without the parts that are collected below.</summary>
    internal MachineConfiguration Machine { get; set; } = new();

    internal ChardevOptions Chardevs { get; } = new();

    internal DeviceOptions Devices { get; } = new();

    internal BlockOptions Blocks { get; } = new();

    internal NetworkOptions Networks { get; } = new();

    internal IncomingOptions Incoming { get; } = new();

    /// <summary>-nodefaults.</summary>
    internal bool NoDefaults { get; set; }

    /// <summary>-nographic.</summary>
    internal bool NoGraphic { get; set; }

    /// <summary>Adds -smp; repeated ones add up.</summary>
    internal void AddSmp(OptionList options) => _smp = _smp?.Append(options) ?? options;

    /// <summary>Sets -m.</summary>
    internal void SetRamSize(ulong size) => _ramSize = size;

    /// <summary>Adds an -accel.</summary>
    internal void AddAccelerator(string name) => _accelerators.Add(name);

    /// <summary>Adds an -object that is memory.</summary>
    internal void AddBackend(MemoryBackendConfiguration backend) => _backends.Add(backend);

    /// <summary>Adds an -object that is a source of random numbers.</summary>
    internal void AddRng(RngConfiguration rng) => _rngs.Add(rng);

    /// <summary>Adds an -object that is a thread.</summary>
    internal void AddIoThread(IoThreadConfiguration thread) => _ioThreads.Add(thread);

    /// <summary>Adds an -object that is a secret.</summary>
    internal void AddSecret(SecretConfiguration secret) => _secrets.Add(secret);

    /// <summary>Sets -numa: the only node, with its memory and CPUs.</summary>
    internal void SetNuma(NumaOption node) => _numa = _numa is null
        ? node
        : throw new CommandLineException("Duplicate NUMA nodeid: 0: expected one node, for the machine has one");

    /// <summary>Refuses an id that another -object has.</summary>
    internal void RequireNewObject(string id)
    {
        if (_backends.Exists(backend => backend.Id == id) || _rngs.Exists(rng => rng.Id == id) || _ioThreads.Exists(thread => thread.Id == id)
            || _secrets.Exists(secret => secret.Id == id) || Blocks.HasGroup(id))
        {
            throw new CommandLineException($"Duplicate object ID '{id}'");
        }
    }

    /// <summary>Adds a -mon.</summary>
    internal void AddMonitor(MonitorConfiguration monitor)
    {
        _isMonitorGiven = true;
        _monitors.Add(monitor);
    }

    /// <summary>Adds a -monitor, -qmp or -qmp-pretty; their chardevs are numbered together.</summary>
    internal void AddMonitor(string device, MonitorMode mode, bool pretty)
    {
        _isMonitorGiven = true;
        if (Chardevs.Resolve($"compat_monitor{_monitorNumber}", device, isForMonitor: true) is { } chardev)
        {
            _monitors.Add(new MonitorConfiguration(chardev, mode, pretty));
            _monitorNumber++;
        }
    }

    /// <summary>The configuration.</summary>
    /// <exception cref="CommandLineException">The options do not go together.</exception>
    internal ProgramConfiguration Build()
    {
        if (_accelerators.Count > 0)
        {
            AccelOption.Check(_accelerators);
        }

        foreach (var type in DeviceTypes.All.Where(type => type.ShortOption is { IsDefault: true } && !NoDefaults && !Devices.Mentions(type)))
        {
            Devices.AddShort(type, Chardevs, DefaultBackEnd);
        }

        Machine = _numa?.Apply(Machine) ?? Machine;
        AddImpliedMonitors();
        var machine = Machine with
        {
            Topology = BuildTopology(),
            RamSize = BuildRamSize(),
            MemoryBackends = _backends,
            Rngs = _rngs,
            BlockNodes = Blocks.Nodes,
            Drives = Blocks.Drives,
            ThrottleGroups = Blocks.ThrottleGroups,
            IoThreads = _ioThreads,
            Secrets = _secrets,
            Chardevs = [.. Chardevs.All.Select(chardev => chardev with { Monitors = _monitors.Count(monitor => monitor.ChardevId == chardev.Id) })],
            Netdevs = Networks.All,
            Devices = Devices.All,
        };
        var program = Program with { Machine = machine, Monitors = _monitors, Incoming = Incoming.Build() };
        _numa?.Check(machine.Topology);
        CheckKernel(program);
        CheckBackground(program);
        CheckObjects(machine);
        Blocks.Check(machine.CompleteDevices);
        Networks.CheckUses(machine.CompleteDevices);
        Chardevs.CheckUses(Uses(program));
        Chardevs.CheckMonitors(program.Monitors, [.. machine.CompleteDevices.SelectMany(device => device.Chardevs)]);
        return program;
    }

    /// <summary>A program in the background has no terminal.</summary>
    private void CheckBackground(ProgramConfiguration program)
    {
        if (!program.Daemonize)
        {
            return;
        }

        if (NoGraphic)
        {
            throw new CommandLineException("-nographic cannot be used with -daemonize");
        }

        if (program.Machine.Chardevs.FirstOrDefault(chardev => chardev is StdioChardevConfiguration) is { } stdio)
        {
            throw new CommandLineException($"chardev '{stdio.Id}': cannot use stdio with -daemonize");
        }
    }

    /// <summary>What a device has that no option speaks of: with -nographic the terminal, which it shares with a monitor if no option speaks of those.</summary>
    private string DefaultBackEnd => !NoGraphic || Chardevs.UsesStdio ? "null" : _isMonitorGiven ? "stdio" : "mon:stdio";

    private void AddImpliedMonitors()
    {
        _monitors.AddRange(Chardevs.WithMonitor.Select(id => new MonitorConfiguration(id, MonitorMode.Readline, Pretty: false)));
        if (NoGraphic && !NoDefaults && !_isMonitorGiven && Chardevs.WithMonitor.Count == 0 && !Chardevs.UsesStdio)
        {
            AddMonitor("stdio", MonitorMode.Readline, pretty: false);
        }
    }

    private static void CheckKernel(ProgramConfiguration program)
    {
        if (program.Machine.KernelPath is not null)
        {
            return;
        }

        if (program.Machine.KernelCommandLine.Length > 0)
        {
            throw new CommandLineException("-append only allowed with -kernel option");
        }

        if (program.Machine.InitrdPath is not null)
        {
            throw new CommandLineException("-initrd only allowed with -kernel option");
        }

        if (program.Incoming is null)
        {
            throw new CommandLineException("-kernel is missing: machine 'microvm' has no firmware to boot from; expected -kernel FILE, or -incoming");
        }
    }

    private static void CheckObjects(MachineConfiguration machine)
    {
        foreach (var device in machine.CompleteDevices)
        {
            foreach (var property in device.Type.Properties)
            {
                if (ObjectsFor(property, machine) is { } objects && device.ValueOf(property) is string id && !objects.Ids.Contains(id))
                {
                    throw new CommandLineException(
                        $"{device.Title}: property '{property.Name}': object '{id}' not found: expected the id of an -object {string.Join(" or ", objects.Types)}");
                }
            }
        }
    }

    /// <summary>The objects that a property may name; null for one that names none.</summary>
    private static (IEnumerable<string> Ids, IEnumerable<string> Types)? ObjectsFor(Property property, MachineConfiguration machine) => property switch
    {
        RngProperty => (machine.Rngs.Select(rng => rng.Id), RngConfiguration.Types.Keys),
        IoThreadProperty => (machine.IoThreads.Select(thread => thread.Id), [IoThreadConfiguration.TypeName]),
        _ => null,
    };

    private static IEnumerable<(string ChardevId, string User)> Uses(ProgramConfiguration program)
    {
        var devices = program.Machine.CompleteDevices.SelectMany(device => device.Chardevs.Select(chardev => (chardev, device.Title)));
        var monitors = program.Monitors.Select(m => (m.ChardevId, m.Mode == MonitorMode.Control ? "a QMP monitor" : "an HMP monitor"));
        return [.. devices, .. monitors];
    }

    private CpuTopology BuildTopology()
    {
        try
        {
            return _smp is null ? CpuTopology.Single : SmpOption.Read(_smp);
        }
        catch (CommandLineException e)
        {
            throw new CommandLineException($"-smp: {e.Message}");
        }
    }

    private ulong BuildRamSize()
    {
        if (Machine.MemoryBackendId is not { } id)
        {
            return _ramSize ?? MachineConfiguration.DefaultRamSize;
        }

        var backend = _backends.Find(b => b.Id == id)
            ?? throw new CommandLineException($"-machine memory-backend={id}: Memory backend '{id}' not found: expected the id of an -object");
        return _ramSize is null || _ramSize == backend.Size
            ? backend.Size
            : throw new CommandLineException(
                "-m: Size specified by -m option must match size of explicitly specified 'memory-backend' property: "
                + $"{_ramSize} is not {backend.Size}");
    }
}
