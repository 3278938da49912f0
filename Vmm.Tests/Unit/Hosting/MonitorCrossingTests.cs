using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Hosting;
using Vmm.Qmp.Sessions;
using Vmm.Tests.Unit.CommandLine;
using Vmm.Tests.Unit.Devices;
using Vmm.Tests.Unit.Machines;
using Vmm.Tests.Unit.Qmp;

namespace Vmm.Tests.Unit.Hosting;

/// <summary>The monitors of a whole process, in a program that replaces it: at descriptors that the command line names, and at a terminal with a console.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MonitorCrossingTests : IDisposable
{
    private const string Escape = "\x01";

    private readonly MachineFiles _files = new();
    private readonly List<IDisposable> _open = [];

    public void Dispose()
    {
        Enumerable.Reverse(_open).ToList().ForEach(each => each.Dispose());
        _files.Dispose();
    }

    [Test]
    public void A_monitor_beside_a_console_goes_on_with_its_half_line()
    {
        var (near, terminal) = SocketPair.Create();
        _open.Add(terminal);
        var kept = Lost(FileDescriptor.Duplicate(new SafeFileHandle(near, ownsHandle: false)));
        var old = Start($"-chardev socket,id=c,fd={near},mux=on -serial chardev:c -mon c");
        Send(terminal, $"{Escape}c");
        Expect(terminal, "(qemu) ");
        Send(terminal, "nos");
        Expect(terminal, "nos");

        var next = Replace(old, $"-chardev socket,id=c,fd={Number(kept)},mux=on -serial chardev:c -mon c");
        Send(terminal, $"{Escape}c");
        Expect(terminal, "\r\n(qemu) nos");
        Send(terminal, "uch\r");
        Expect(terminal, "uch\r\nunknown command: 'nosuch'\r\n(qemu) ");
        Assert.That(next.Host.Board, Is.Not.Null);
    }

    [Test]
    public void What_a_monitor_wrote_while_another_had_the_terminal_is_shown_by_the_next_program()
    {
        var (near, terminal) = SocketPair.Create();
        _open.Add(terminal);
        var kept = Lost(FileDescriptor.Duplicate(new SafeFileHandle(near, ownsHandle: false)));
        var old = Start($"-chardev socket,id=c,fd={near},mux=on -serial chardev:c -mon c -mon c");

        Replace(old, $"-chardev socket,id=c,fd={Number(kept)},mux=on -serial chardev:c -mon c -mon c");

        for (int monitor = 0; monitor < 2; monitor++)
        {
            Send(terminal, $"{Escape}c");
            Expect(terminal, "for more information\r\n(qemu) ");
        }
    }

    [Test]
    public void A_client_that_was_handed_in_is_greeted_anew_and_its_number_is_named()
    {
        var (near, client) = SocketPair.Create();
        _open.Add(client);
        var kept = Lost(FileDescriptor.Duplicate(new SafeFileHandle(near, ownsHandle: false)));
        var old = Start($"-chardev socket,id=q,fd={near} -mon q,mode=control");
        Expect(client, "\"capabilities\":[\"oob\"]}}\r\n");
        Send(client, "{\"execute\":\"qmp_capabilities\"}");
        Expect(client, "{\"return\":{}}\r\n");

        var descriptors = new List<HandoverDescriptor>();
        Replace(old, $"-chardev socket,id=q,fd={Number(kept)} -mon q,mode=control", descriptors);

        Assert.That(descriptors.Select(each => (each.Name, Number(each.Handle))), Is.EqualTo(new[] { ("inherited/q", near) }));
        Expect(client, "\"capabilities\":[\"oob\"]}}\r\n");
    }

    [Test]
    public void A_listening_socket_that_was_handed_in_is_not_closed_under_its_other_names()
    {
        string path = _files.Path("monitor");
        using var listener = QmpFixture.Listener(path);
        int number = Number(Lost(FileDescriptor.Duplicate(listener)));
        int other = Number(Lost(FileDescriptor.Duplicate(listener)));
        var old = Start($"-chardev socket,id=q,fd={number},server=on,wait=off -mon q,mode=control");
        using var client = new QmpClient(path);
        client.ReadText();
        client.Ask("{\"execute\":\"qmp_capabilities\"}");
        var descriptors = new List<HandoverDescriptor>();
        Replace(old, $"-chardev socket,id=q,fd={other},server=on,wait=off -mon q,mode=control", descriptors, other);

        Assert.That(descriptors.Select(each => each.Name), Is.EqualTo(new[] { "session/q", "inherited/q" }));
        Assert.That(client.ReadText(), Does.EndWith("\"event\":\"RESUME\"}"), "what happened before the sessions move again comes first");
        Assert.That(client.Ask("{\"execute\":\"query-version\"}"), Does.StartWith("{\"return\":{\"qemu\""));
        client.Dispose();
        using var second = new QmpClient(path);
        Assert.That(second.ReadText(), Does.StartWith("{\"QMP\""));
    }

    private static void Exec(Process process, Action<MachineHost> action) => process.Host.Do(() => action(process.Host));

    private static int Number(System.Runtime.InteropServices.SafeHandle handle) => (int)handle.DangerousGetHandle();

    /// <summary>A descriptor that is only known by its number.</summary>
    private static SafeFileHandle Lost(SafeFileHandle handle)
    {
        var number = new SafeFileHandle(handle.DangerousGetHandle(), ownsHandle: false);
        handle.SetHandleAsInvalid();
        return number;
    }

    private static void Send(SafeFileHandle socket, string text) => SocketPair.Send(socket, Encoding.UTF8.GetBytes(text));

    private static void Expect(SafeFileHandle socket, string end)
    {
        string shown = "";
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (!shown.EndsWith(end, StringComparison.Ordinal))
        {
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)), $"'{shown}' instead of '{end}'");
            FileDescriptor.WaitFor(socket, FdEvents.In, TimeSpan.FromSeconds(1));
            shown += Encoding.UTF8.GetString(SocketPair.ReceiveAll(socket));
        }
    }

    private Process Start(string options)
    {
        var process = new Process(_files, options);
        _open.Add(process);
        Exec(process, _ => process.Begin());
        return process;
    }

    /// <param name="old">The process.</param>
    /// <param name="options">The command line of its next program.</param>
    /// <param name="named">Receives the descriptors that are named.</param>
    /// <param name="listener">A listening socket that comes under its number, by both of its names.</param>
    private Process Replace(Process old, string options, List<HandoverDescriptor>? named = null, int? listener = null)
    {
        var record = new StateWriter();
        var descriptors = named ?? [];
        old.Host.DoAsync(() => old.Part.HoldAsync(TimeSpan.FromSeconds(20))).GetAwaiter().GetResult();
        Exec(old, host =>
        {
            host.Machine.Board!.QuiesceBackEnds();
            old.Part.Save(record, descriptors);
        });
        var next = new Process(_files, options);
        _open.Add(next);
        using var copies = MonitorProgram.Copies(descriptors.Where(descriptor => listener is null || !descriptor.Name.StartsWith("inherited", StringComparison.Ordinal)));
        if (listener is { } number)
        {
            copies.TryAdd("inherited/q", new SafeFileHandle(number, ownsHandle: true));
            copies.TryAdd("monitor/q/listener", new SafeFileHandle(number, ownsHandle: true));
        }

        Exec(next, _ => next.Part.Restore(new StateReader(record.Written.ToArray()), copies));
        _open.Remove(old);
        old.Dispose();
        Exec(next, _ =>
        {
            next.Begin();
            next.Part.Resume();
        });
        return next;
    }

    /// <summary>A machine with its monitors, as a process has them.</summary>
    private sealed class Process : IDisposable
    {
        private readonly Monitors _monitors;

        internal Process(MachineFiles files, string options)
        {
            var configuration = CommandLines.Parse($"-nodefaults -m 4M -kernel {files.Path("kernel")} {options}");
            Host = new MachineHost(configuration.Machine, new GuestOwnership());
            _monitors = Host.Do(() => new Monitors(configuration, Host.Machine, Host.IoLoop, Host.Migrator, new MonitorProgram.EndRequests(), NullLogger.Instance));
            Part = Host.Machine.Handover.ExecParts.Single();
        }

        internal MachineHost Host { get; }

        internal IExecCrossing Part { get; }

        public void Dispose()
        {
            _monitors.Dispose();
            Host.Dispose();
        }

        internal void Begin()
        {
            _monitors.Open(waiting: false);
            Host.Machine.PowerOn();
            _monitors.TakePlaces();
        }
    }
}
