using Vmm.CommandLine;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Isa.DebugConsole;
using Vmm.Core.Devices.Isa.DebugExit;
using Vmm.Core.Devices.Isa.Serial;
using Vmm.Tests.Unit.Devices;
using static Vmm.Tests.Unit.CommandLine.CommandLines;

namespace Vmm.Tests.Unit.CommandLine;

public sealed class ChardevOptionTests
{
    private static readonly object[][] Backends =
    [
        ["-chardev null,id=c", new NullChardevConfiguration("c")],
        ["-chardev backend=stdio,id=c,signal=off", new StdioChardevConfiguration("c") { Signal = false }],
        ["-chardev file,id=c,path=/a,,b", new FileChardevConfiguration("c", "/a,b", Append: false)],
        ["-chardev file,id=c,path=/a=b,append=on", new FileChardevConfiguration("c", "/a=b", Append: true)],
        ["-chardev pty,id=c", new PtyChardevConfiguration("c", null)],
        ["-chardev pty,id=c,path=/link", new PtyChardevConfiguration("c", "/link")],
        ["-chardev socket,id=c,path=/s", new SocketChardevConfiguration("c") { Path = "/s" }],
        ["-chardev socket,id=c,path=/s,server=on", new SocketChardevConfiguration("c") { Path = "/s", Server = true, Wait = true }],
        ["-chardev socket,id=c,path=/s,server,nowait", new SocketChardevConfiguration("c") { Path = "/s", Server = true }],
        ["-chardev socket,id=c,fd=7,server=on,wait=off", new SocketChardevConfiguration("c") { Descriptor = 7, Server = true }],
        ["-chardev null,id=c,logfile=/l,logappend=on", new NullChardevConfiguration("c") { LogFile = "/l", LogAppend = true }],
        ["-chardev pty,id=c,logfile=/l", new PtyChardevConfiguration("c", null) { LogFile = "/l" }],
        ["-chardev ringbuf,id=c", new RingbufChardevConfiguration("c", 65536)],
        ["-chardev ringbuf,id=c,size=1M", new RingbufChardevConfiguration("c", 1 << 20)],
        ["-chardev memory,id=c,size=1", new RingbufChardevConfiguration("c", 1) { IsAlias = true }],
        ["-chardev socket,id=c,host=127.0.0.1,port=4444", new SocketChardevConfiguration("c") { Host = "127.0.0.1", Port = 4444 }],
        ["-chardev socket,id=c,host=,port=0,server=on,wait=off,to=9,ipv6=off,nodelay", new SocketChardevConfiguration("c") { Host = "", LastPort = 9, Ipv6 = false, NoDelay = true, Server = true }],
        ["-chardev socket,id=c,path=n,abstract=on,tight=off,reconnect-ms=20", new SocketChardevConfiguration("c") { Path = "n", Abstract = true, Tight = false, ReconnectMilliseconds = 20 }],
        ["-chardev socket,id=c,path=/s,reconnect=2", new SocketChardevConfiguration("c") { Path = "/s", ReconnectMilliseconds = 2000 }],
        ["-serial tcp:localhost:4444,server=on,wait=off", new SocketChardevConfiguration("serial0") { Host = "localhost", Port = 4444, Server = true }],
        ["-serial tcp::4444,server,nowait,nodelay", new SocketChardevConfiguration("serial0") { Host = "", Port = 4444, Server = true, NoDelay = true }],
        ["-serial tcp:[::1]:4444", new SocketChardevConfiguration("serial0") { Host = "::1", Port = 4444 }],
        ["-chardev stdio,id=c,mux=on", new StdioChardevConfiguration("c") { Mux = true }],
        ["-serial mon:stdio", new StdioChardevConfiguration("serial0") { Mux = true, Monitors = 1, Signal = false }],
        ["-serial mon:unix:/s,server=on,wait=off", new SocketChardevConfiguration("serial0") { Path = "/s", Server = true, Mux = true, Monitors = 1 }],
        ["-serial null", new NullChardevConfiguration("serial0")],
        ["-serial stdio", new StdioChardevConfiguration("serial0")],
        ["-serial pty", new PtyChardevConfiguration("serial0", null)],
        ["-serial pty:/link", new PtyChardevConfiguration("serial0", "/link")],
        ["-serial file:/a,b", new FileChardevConfiguration("serial0", "/a,b", Append: false)],
        ["-serial unix:/s=1,server=on,wait=off", new SocketChardevConfiguration("serial0") { Path = "/s=1", Server = true }],
        ["-debugcon file:/d", new FileChardevConfiguration("debugcon", "/d", Append: false)],
        ["-monitor stdio", new StdioChardevConfiguration("compat_monitor0") { Monitors = 1 }],
        ["-qmp unix:/q,server=on", new SocketChardevConfiguration("compat_monitor0") { Path = "/q", Server = true, Wait = true, Monitors = 1 }],
        ["-qmp unix:/q", new SocketChardevConfiguration("compat_monitor0") { Path = "/q", Monitors = 1 }],
    ];

    [TestCaseSource(nameof(Backends))]
    public void A_device_text_or_chardev_makes_a_back_end(string options, ChardevConfiguration expected) =>
        Assert.That(Machine("-nodefaults " + options).Chardevs, Is.EqualTo(new[] { expected }));

    [TestCaseSource(nameof(Backends))]
    public void A_back_end_is_spelled_as_an_option_that_makes_it_again(string options, ChardevConfiguration expected)
    {
        _ = options;
        string text = ChardevOptionText.Of(expected);

        Assert.That(text, Does.StartWith("-chardev "));
        var again = ChardevOption.Read(text["-chardev ".Length..].Replace("fd=FD", $"fd={(expected as SocketChardevConfiguration)?.Descriptor}", StringComparison.Ordinal), null);
        Assert.That(again with { Monitors = expected.Monitors }, Is.EqualTo(expected));
    }

    [Test]
    public void Monitors_of_all_kinds_are_numbered_together()
    {
        var program = Parse("-kernel k -nodefaults -qmp unix:/a,server=on -monitor stdio -qmp-pretty unix:/b -monitor none -chardev null,id=m -mon m,mode=control");

        Assert.That(program.Monitors, Is.EqualTo(new MonitorConfiguration[]
        {
            new("compat_monitor0", MonitorMode.Control, Pretty: false),
            new("compat_monitor1", MonitorMode.Readline, Pretty: false),
            new("compat_monitor2", MonitorMode.Control, Pretty: true),
            new("m", MonitorMode.Control, Pretty: false),
        }));
    }

    [TestCase("-nographic", "serial0:Readline")]
    [TestCase("-nographic -monitor none", "")]
    [TestCase("-nographic -qmp unix:/q", "compat_monitor0:Control")]
    [TestCase("-nographic -serial null", "compat_monitor0:Readline")]
    [TestCase("-nographic -serial stdio", "")]
    [TestCase("-nographic -nodefaults", "")]
    [TestCase("-serial mon:stdio", "serial0:Readline")]
    [TestCase("-serial mon:stdio -serial mon:pty -qmp unix:/q", "compat_monitor0:Control serial0:Readline serial1:Readline")]
    [TestCase("-chardev stdio,id=m,mux=on -serial chardev:m -mon m", "m:Readline")]
    [TestCase("-chardev stdio,id=m,mux=on -serial chardev:m -serial chardev:m -mon m -mon m", "m:Readline m:Readline")]
    [TestCase("-chardev stdio,id=m,mux=on -mon m", "m:Readline")]
    public void Monitors_that_options_imply(string options, string expected) => Assert.That(
        string.Join(' ', Parse($"-kernel k {options}").Monitors.Select(monitor => $"{monitor.ChardevId}:{monitor.Mode}")), Is.EqualTo(expected));

    [TestCase("", 1)]
    [TestCase("-echr 20", 20)]
    [TestCase("-echr 0x1d", 0x1d)]
    public void The_key_of_a_mux(string options, int expected) => Assert.That(Machine(options).EscapeKey, Is.EqualTo(expected));

    [Test]
    public void A_front_end_may_come_before_its_chardev() =>
        Assert.That(Machine("-nodefaults -serial chardev:late -chardev null,id=late").Devices, Is.EqualTo(new[] { DeviceOption.Parse("isa-serial,index=0,chardev=late") }));

    [TestCase("", "0:null")]
    [TestCase("-nodefaults", "")]
    [TestCase("-serial none", "")]
    [TestCase("-nographic", "0:stdio")]
    [TestCase("-nographic -nodefaults", "")]
    [TestCase("-nographic -monitor stdio", "0:null")]
    [TestCase("-nographic -serial file:/f", "0:file")]
    [TestCase("-serial none -serial null", "1:null")]
    [TestCase("-serial null -chardev pty,id=p -device isa-serial,chardev=p", "0:null 1:pty")]
    [TestCase("-chardev pty,id=p -device isa-serial,chardev=p -chardev null,id=n -device isa-serial,chardev=n,index=0", "0:null 1:pty")]
    [TestCase("""-chardev pty,id=p -device '{"driver":"isa-serial","chardev":"p","index":3,"id":"s"}'""", "3:pty")]
    public void Serial_ports(string options, string expected)
    {
        var machine = Machine(options);

        var found = machine.CompleteDevices.Select(s => $"{s.Get(SerialType.Index)}:{machine.Chardevs.Single(c => c.Id == s.Get(SerialType.Chardev)).Backend}");
        Assert.That(string.Join(' ', found), Is.EqualTo(expected));
    }

    [TestCase("-device isa-debug-exit", 0x501, 2)]
    [TestCase("-device isa-debug-exit,iobase=0xf4,iosize=0x4", 0xf4, 4)]
    [TestCase("""-device '{"driver":"isa-debug-exit","iobase":244}'""", 0xf4, 2)]
    public void Debug_exit(string options, int port, int size) =>
        Assert.That(
            Machine($"-nodefaults {options}").Devices.Select(device => (device.Get(DebugExitType.IoBase), device.Get(DebugExitType.IoSize))),
            Is.EqualTo(new[] { ((uint)port, (uint)size) }));

    [TestCase("-debugcon null", 0xe9)]
    [TestCase("-chardev null,id=c -device isa-debugcon,chardev=c,iobase=0x402", 0x402)]
    public void Debug_console(string options, int port) =>
        Assert.That(Machine($"-nodefaults {options}").Devices.Select(device => device.Get(DebugConsoleType.IoBase)), Is.EqualTo(new[] { (uint)port }));
}
