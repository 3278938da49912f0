using System.Collections.Frozen;
using System.Globalization;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;

namespace Vmm.CommandLine;

/// <summary>Every option that there is, in the order of the help.</summary>
internal static class OptionTable
{
    private static readonly OptionDefinition[] Definitions =
    [
        With(
            "machine",
            "[type=]microvm[,PROPERTY=VALUE...]",
            "machine type and properties: memory-backend=ID, anon-alloc=memfd,\n"
                + "aux-ram-share=on, acpi=on|off, dump-guest-core=on|off",
            ApplyMachine),
        With("M", "...", "short for -machine", ApplyMachine),
        With(
            "accel",
            "kvm",
            "accelerator; kvm is the only one",
            (d, a) => d.AddAccelerator(AccelOption.Read(OptionList.Parse(a, "accel")))),
        With(
            "cpu",
            "MODEL[,+FEATURE][,-FEATURE]",
            "CPU model: host, max or qemu64",
            (d, a) => d.Machine = d.Machine with { Cpu = CpuOption.Read(a) }),
        With(
            "smp",
            "[cpus=]N[,sockets=N][,cores=N][,threads=N][,maxcpus=N]",
            "number of vCPUs and how they are grouped",
            (d, a) => d.AddSmp(OptionList.Parse(a, "cpus"))),
        With(
            "m",
            "[size=]SIZE",
            "guest RAM in MiB, or with a suffix k, M, G, T",
            (d, a) => d.SetRamSize(MemoryOption.Read(OptionList.Parse(a, "size")))),
        With(
            "object",
            "memory-backend-ram|memfd|file|shm,id=ID,size=SIZE[,share=on|off]\n"
                + "[,mem-path=PATH][,prealloc=on][,hugetlb=on][,hugetlbsize=SIZE]\n"
                + "rng-builtin,id=ID or rng-random,id=ID[,filename=PATH]\n"
                + "secret,id=ID,data=TEXT|file=PATH[,format=raw|base64]\n"
                + "iothread,id=ID[,poll-max-ns=N]\n"
                + "throttle-group,id=ID[,x-bps-total=N][,x-iops-total=N][,x-...-max=N][,x-...-max-length=N][,x-iops-size=N]",
            "memory backend, source of random numbers, secret, thread for queues, or limits of disks; also as a JSON object",
            (d, a) => ObjectOption.Add(d, OptionList.Parse(a, "qom-type", json: true))),

        With(
            "numa",
            "node,memdev=ID[,cpus=N[-N]][,nodeid=0]",
            "the only NUMA node; the same as -machine memory-backend=ID",
            (d, a) => d.SetNuma(NumaOption.Read(OptionList.Parse(a, "type")))),

        With(
            "kernel",
            "FILE",
            "kernel: a bzImage, or an ELF file with a PVH note",
            (d, a) => d.Machine = d.Machine with { KernelPath = NotEmpty(a) }),
        With("initrd", "FILE", "initial RAM disk", (d, a) => d.Machine = d.Machine with { InitrdPath = NotEmpty(a) }),
        With("append", "TEXT", "kernel command line", (d, a) => d.Machine = d.Machine with { KernelCommandLine = a }),

        .. DeviceTypes.All.Where(type => type.ShortOption is not null).OrderByDescending(type => type.ShortOption!.IsDefault).Select(type =>
            With(type.ShortOption!.Name, "DEV", type.ShortOption.Help, (d, a) => d.Devices.AddShort(type, d.Chardevs, a))),
        With(
            "chardev",
            $"{string.Join('|', ChardevConfiguration.Backends)},id=ID[,path=PATH][,host=HOST,port=PORT][,fd=N][,server=on|off]\n"
                + "[,wait=on|off][,reconnect-ms=N][,abstract=on][,append=on][,mux=on]"
                + "[,size=SIZE][,logfile=PATH][,logappend=on|off]",
            "character back end",
            (d, a) => d.Chardevs.Add(ChardevOption.Read(OptionList.Parse(a, "backend")))),
        With(
            "blockdev",
            "[driver=]DRIVER,node-name=NAME[,read-only=on|off][,auto-read-only=on|off]\n"
                + "[,discard=ignore|unmap][,cache.direct=on|off][,cache.no-flush=on|off][,OPTION=VALUE...]\n"
                + "file|host_device: filename=PATH[,aio=threads|native|io_uring][,locking=auto|on|off]\n"
                + "null-co: [size=SIZE][,read-zeroes=on|off]\n"
                + "raw: file=NAME|file.driver=DRIVER,...[,offset=SIZE][,size=SIZE]\n"
                + "throttle: throttle-group=ID,file=NAME|file.driver=DRIVER,...",
            "block node, also as a JSON object",
            (d, a) => d.Blocks.AddNode(OptionList.Parse(a, "driver", json: true))),
        With(
            "drive",
            "file=PATH[,id=ID][,if=none|virtio][,format=raw][,node-name=NAME][,index=N]\n"
                + "[,cache=writeback|none|writethrough|directsync|unsafe][,aio=threads|native|io_uring]\n"
                + "[,discard=ignore|unmap][,read-only=on|off][,werror=report|ignore|stop|enospc][,rerror=report|ignore|stop]\n"
                + "[,throttling.bps-total=N][,throttling.iops-total=N][,throttling....][,file.locking=auto|on|off][,file.OPTION=VALUE]",
            "disk: block nodes with a name for a device, or with if=virtio a disk of the guest at once;\n"
                + "without format= an image that looks like one of another format is refused",
            (d, a) => DriveOption.Add(d, OptionList.Parse(a))),
        With(
            "netdev",
            "[type=]tap|stream|user,id=ID[,OPTION=VALUE...]\n"
                + "tap: [ifname=NAME|fd=N|fds=N:N...][,queues=N][,script=FILE|no][,downscript=FILE|no]\n"
                + "[,vnet_hdr=on|off][,sndbuf=SIZE]\n"
                + "stream: addr.type=unix,addr.path=PATH[,addr.abstract=on][,addr.tight=off]\n"
                + "or addr.type=inet,addr.host=HOST,addr.port=PORT[,addr.ipv4=on|off][,addr.ipv6=on|off]\n"
                + "or addr.type=fd,addr.str=N [,server=on|off][,reconnect-ms=N]\n"
                + "user: [hostfwd=tcp|udp:[ADDR]:PORT-:PORT]...[,net=ADDR/BITS][,host=ADDR][,dhcpstart=ADDR]\n"
                + "[,dns=ADDR][,ipv6-dns=ADDR][,dnssearch=DOMAIN]...[,ipv4=on|off][,ipv6=on|off]",
            "network back end, also as a JSON object; user needs passt",
            (d, a) => d.Networks.Add(NetdevOption.Read(a))),
        With(
            "nic",
            "[type=]tap|stream|user|none[,model=MODEL][,mac=MAC][,id=ID][,OPTION=VALUE...]",
            "network card with its back end: a -netdev and the -device that has it; without -nic there is none",
            (d, a) => d.Networks.AddNic(OptionList.Parse(a, "type"), d.Devices)),
        With("net", "none", "accepted: there is no network card unless an option says so", (_, a) => NetworkOptions.RequireNone(a)),
        With(
            "device",
            "DRIVER[,id=ID][,PROPERTY=VALUE...]",
            "device, also as a JSON object; -device help lists drivers, -device DRIVER,help properties",
            (d, a) => d.Devices.AddDevice(OptionList.Parse(a, "driver", json: true))),

        With(
            "mon",
            "[chardev=]ID[,mode=readline|control][,pretty=on]",
            "monitor on a chardev: HMP or QMP",
            (d, a) => d.AddMonitor(MonitorOption.Read(OptionList.Parse(a, "chardev")))),
        With("monitor", "DEV", "HMP monitor on DEV", (d, a) => d.AddMonitor(a, MonitorMode.Readline, pretty: false)),
        With("qmp", "DEV", "QMP monitor on DEV", (d, a) => d.AddMonitor(a, MonitorMode.Control, pretty: false)),
        With("qmp-pretty", "DEV", "QMP monitor on DEV with indented replies", (d, a) => d.AddMonitor(a, MonitorMode.Control, pretty: true)),

        With("name", "[guest=]NAME[,debug-threads=on]", "name of the guest; whether threads have names", ApplyName),
        With("uuid", "UUID", "UUID of the machine", (d, a) => d.Machine = d.Machine with { Uuid = ReadUuid(a) }),
        Switch("S", "do not start the vCPUs: wait for cont", d => d.Machine = d.Machine with { StartPaused = true }),
        Switch("no-reboot", "a reset by the guest ends the program", d => d.Machine = d.Machine with { NoReboot = true }),
        Switch("no-shutdown", "the program stays when the guest powers off", d => d.Machine = d.Machine with { NoShutdown = true }),
        Switch("nodefaults", "no serial port unless an option says so", d => d.NoDefaults = true),
        Switch("no-user-config", "accepted: there are no configuration files", _ => { }),
        Switch(
            "nographic",
            "serial port and monitor on stdio (Ctrl-A c changes between them, Ctrl-A h lists more), as far as no option\nspeaks of serial ports or monitors and stdio is free",
            d => d.NoGraphic = true),
        With(
            "echr",
            "NUMBER",
            "the key that takes the place of Ctrl-A on a mux (mux=on, mon:DEV), as the number of its character",
            (d, a) => d.Machine = d.Machine with { EscapeKey = ReadKey(a) }),
        With("display", "none", "accepted: there is no display", (_, a) => RequireNone(a)),

        With(
            "incoming",
            "URI|defer|CHANNEL",
            "take over a guest. URI: unix:PATH, fd:N, tcp:HOST:PORT, file:PATH[,offset=N], exec:COMMAND\n"
                + "CHANNEL: main or cpr,addr.transport=socket,addr.type=unix,addr.path=PATH\n"
                + "or addr.type=fd,addr.str=N; also as a JSON object; once for each channel",
            (d, a) => d.Incoming.AddIncoming(a)),
        With(
            "cpr-uri",
            "unix:PATH",
            "where the guest's descriptors arrive in a live update; the same as a cpr channel",
            (d, a) => d.Incoming.AddCprUri(a)),
        With(
            "global",
            "migration.x-events=on|virtio-mmio.force-legacy=off",
            "send migration events from the start; virtio-mmio is version 2 in any case",
            (d, a) => GlobalOption.Apply(d, OptionList.Parse(a))),

        With("pidfile", "FILE", "write the process id to FILE", (d, a) => d.Program = d.Program with { PidFile = NotEmpty(a) }),
        Switch(
            "daemonize",
            "continue in the background, in a session of its own, once the machine is made and monitors are listened for;\nthe exit status says whether it is",
            d => d.Program = d.Program with { Daemonize = true }),
        With("D", "FILE", "log to FILE instead of stderr", (d, a) => d.Program = d.Program with { LogFile = NotEmpty(a) }),
        With(
            "d",
            "ITEM[,ITEM...]",
            $"log in detail: {string.Join(", ", LogItem.Known)}",
            (d, a) => d.Program = d.Program with { LogItems = LogItem.ReadList(a) }),
        With("msg", "timestamp=on|off", "begin messages with the time", ApplyMsg),

        new("version", null, "print the version", (_, _) => { }) { Action = ProgramAction.ShowVersion },
        new("h", null, "print this help", (_, _) => { }) { Action = ProgramAction.ShowHelp },
        new("help", null, "print this help", (_, _) => { }) { Action = ProgramAction.ShowHelp },
    ];

    private static readonly FrozenDictionary<string, OptionDefinition> ByName = Definitions.ToFrozenDictionary(d => d.Name, StringComparer.Ordinal);

    /// <summary>All options.</summary>
    internal static IReadOnlyList<OptionDefinition> All => Definitions;

    /// <summary>The option of a name without dashes; null when there is none.</summary>
    internal static OptionDefinition? Find(string name) => ByName.GetValueOrDefault(name);

    private static OptionDefinition With(string name, string argument, string help, Action<ConfigurationDraft, string> apply) =>
        new(name, argument, help, apply);

    private static OptionDefinition Switch(string name, string help, Action<ConfigurationDraft> apply) => new(name, null, help, (d, _) => apply(d));

    private static byte ReadKey(string argument)
    {
        bool hex = argument.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        return byte.TryParse(hex ? argument[2..] : argument, hex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out byte key)
            ? key
            : throw new CommandLineException($"Bad argument to echr: a number from 0 to 255 was expected, not '{argument}'");
    }

    private static void ApplyMachine(ConfigurationDraft draft, string argument) =>
        draft.Machine = MachineOption.Apply(OptionList.Parse(argument, "type"), draft.Machine);

    private static void ApplyName(ConfigurationDraft draft, string argument)
    {
        var options = OptionList.Parse(argument, "guest");
        draft.Machine = draft.Machine with
        {
            Name = options.Take("guest") ?? draft.Machine.Name,
            DebugThreads = options.TakeSwitch("debug-threads") ?? draft.Machine.DebugThreads,
        };
        options.Finish();
    }

    private static void ApplyMsg(ConfigurationDraft draft, string argument)
    {
        var options = OptionList.Parse(argument);
        draft.Program = draft.Program with { TimestampMessages = options.TakeSwitch("timestamp") ?? draft.Program.TimestampMessages };
        options.Finish();
    }

    private static Guid ReadUuid(string text) => Guid.TryParseExact(text, "D", out var uuid)
        ? uuid
        : throw new CommandLineException("failed to parse UUID string: expected the form 01234567-89ab-cdef-0123-456789abcdef");

    private static void RequireNone(string argument)
    {
        if (argument != "none")
        {
            throw new CommandLineException("there is no display: expected none");
        }
    }

    private static string NotEmpty(string path) => path.Length > 0 ? path : throw new CommandLineException("expected a file name");
}
