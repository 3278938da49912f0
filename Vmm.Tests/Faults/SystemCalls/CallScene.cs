// One update of the published program, one of whose processes has a call struck, or gets other descriptors than were sent. The machine
// has every kind of back end, so that everything that can cross does, and virtio devices whose queues are in use; both processes get
// the same arguments, so that new has names to take over. The guest counts aloud. ExecScene has an update by exec of the same machine.

using System.Net.Sockets;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Updates;
using Vmm.Tests.Faults.Descriptors;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>Two processes and an update between them; or one process, and an update of it by exec.</summary>
internal class CallScene : IAsyncDisposable
{
    /// <summary>Both processes' log.</summary>
    internal const string LogFile = "vmm.log";

    /// <summary>The guest: it counts aloud as the ticker does, and keeps the queues of the virtio devices and two disks busy.</summary>
    internal const string Guest = "entropy";

    /// <summary>How many entropy devices it drives.</summary>
    internal const int Devices = 2;

    /// <summary>The images of its disks: one whose requests the kernel takes from a ring, one that threads serve.</summary>
    internal static IReadOnlyList<string> Images { get; } = ["uring.img", "threads.img"];

    private const int TimeOut = 2000;

    /// <summary>The time-outs of an update in which nothing is struck, which must go over on a busy host too.</summary>
    private const int AmpleTimeOut = 20_000;
    private const string ClientSocket = "client.sock";
    private static readonly TimeSpan Ending = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(2);
    private static readonly UpdateRoute Listened = new("update");
    private static readonly UpdateRoute Detour = new(Scene.Detour);

    private readonly CallWindow? _window;
    private readonly ForeignNetwork? _network;
    private readonly List<Wire> _wires = [];
    private Socket? _client;

    private protected CallScene(string folder, CallWindow? window, ForeignNetwork? network)
    {
        Folder = folder;
        (_window, _network) = (window, network);
        Injector = new Injector(InFolder("injector"));
    }

    /// <summary>The program under test: the one that is shipped.</summary>
    internal static string Program { get; } = Repository.Path("out/vmm");

    /// <summary>Where everything lies.</summary>
    internal string Folder { get; }

    /// <summary>Watches the window's process.</summary>
    internal Injector Injector { get; }

    /// <summary>The process that has the guest at first.</summary>
    internal Party Old { get; private set; } = null!;

    /// <summary>The process that waits for it; none in an update by exec.</summary>
    internal Party New { get; private set; } = null!;

    /// <summary>The guest's RAM.</summary>
    internal RamFile Ram { get; private set; } = null!;

    /// <summary>Why the command itself was refused; null when it was not.</summary>
    internal string? Refusal { get; private set; }

    /// <summary>Boots the guest and starts the process that waits for it.</summary>
    /// <param name="window">Whose calls are watched, and from when on; none if null.</param>
    /// <param name="withRuns">Whether KVM_RUN is watched too.</param>
    /// <param name="spoil">What is sent on in the place of a message; the channels make no detour if null.</param>
    /// <param name="network">Network back ends besides; none if null. It stays the caller's.</param>
    internal static async Task<CallScene> SetAsync(
        CallWindow? window, bool withRuns = false, Func<WireMessage, IReadOnlyList<WireMessage>>? spoil = null, ForeignNetwork? network = null)
    {
        string folder = Directory.CreateTempSubdirectory("vmm-calls-").FullName;
        var scene = window is { IsExec: true } ? new ExecScene(folder, window) : new CallScene(folder, window, network);
        try
        {
            network?.Listen(scene.Folder);
            foreach (var (log, image) in DiskLog.Entropy.Zip(Images))
            {
                log.NewImage(scene.Folder, image);
            }

            scene.Old = await scene.StartAsync("a", window is { IsNews: false }, withRuns);
            scene.Ram = RamFile.Of(scene.Old);
            scene._client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await scene._client.ConnectAsync(new UnixDomainSocketEndPoint(scene.InFolder(ClientSocket)));
            await (network?.ConnectAsync(scene.Folder, scene.Old.Qmp) ?? Task.CompletedTask);
            await scene.Old.CountsAsync();
            await scene.ServesAsync();
            await scene.Old.SetTimeoutsAsync(TimeOut);
            await scene.PrepareAsync(withRuns, spoil);
            return scene;
        }
        catch
        {
            await scene.DisposeAsync();
            throw;
        }
    }

    /// <summary>Judges what has become of it.</summary>
    internal virtual GuestVerdict Verdict(Injection? injection) => new CallVerdict(this, _window, injection);

    /// <summary>Updates, with one call struck or none, and returns when all processes have come to rest.</summary>
    internal async Task UpdateAsync(Injection? injection)
    {
        bool isOnlyWatched = injection is null && _window is not null;
        if (injection is not null)
        {
            await Injector.SendAsync(injection.Command);
        }

        if (isOnlyWatched)
        {
            await Old.SetTimeoutsAsync(AmpleTimeOut);
            await (New?.SetTimeoutsAsync(AmpleTimeOut) ?? Task.CompletedTask);
        }

        if (_window is { IsWhole: true })
        {
            await Injector.SendAsync("open");
            await Injector.Opened;
        }

        try
        {
            await AskAsync();
        }
        catch (Exception e) when (e is IOException or QmpException)
        {
            // The call that was struck was one of the command's. The guest stays where it is, or goes all the same.
            Refusal = e.Message;
        }

        using var deadline = new CancellationTokenSource(isOnlyWatched ? Timeouts.Answer : Ending);
        if (Refusal is null)
        {
            await EndedAsync(deadline.Token);
        }

        if (injection is { Error: null })
        {
            await Task.WhenAny(Injector.Hit, Task.Delay(TimeOut, deadline.Token));
            await Task.Delay(Injector.Hit.IsCompleted ? Injection.Lateness : TimeSpan.Zero);
        }

        if (_window is not null)
        {
            await Injector.RestAsync();
            await Injector.SendAsync("shut");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // First, because it ends what a process has started, and that holds its parent's streams open.
        await Injector.DisposeAsync();
        foreach (var party in (Party?[])[New, Old])
        {
            if (party is not null)
            {
                await party.DisposeAsync();
            }
        }

        _wires.ForEach(w => w.Dispose());
        _client?.Dispose();
        Ram?.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    internal string InFolder(string name) => Path.Combine(Folder, name);

    /// <summary>Makes everything ready for the command: starts the process that waits.</summary>
    private protected virtual async Task PrepareAsync(bool withRuns, Func<WireMessage, IReadOnlyList<WireMessage>>? spoil)
    {
        New = await StartAsync("b", _window is { IsNews: true }, withRuns, Listened.Listening());
        if (spoil is not null)
        {
            _wires.Add(new Wire(InFolder(Detour.Cpr), InFolder(Listened.Cpr), isMain: false, spoil));
            _wires.Add(new Wire(InFolder(Detour.Main), InFolder(Listened.Main), isMain: true, spoil));
        }

        await New.SetTimeoutsAsync(TimeOut);
    }

    /// <summary>Gives the command.</summary>
    private protected virtual Task AskAsync() => (_wires.Count > 0 ? Detour : Listened).AskAsync(Old.Qmp);

    /// <summary>Completes when the update has ended, as far as that can be told.</summary>
    private protected virtual Task EndedAsync(CancellationToken deadline) =>
        Task.WhenAll(EndAsync(Old, Old.Process.Exited, deadline), EndAsync(New, New.Process.Exited, deadline));

    /// <summary>Waits until a process says how the update ended, or its session or itself is at an end; the verdict finds out which.</summary>
    private protected static async Task EndAsync(Party party, Task exited, CancellationToken deadline)
    {
        string[] ends = ["completed", "failed", "cancelled"];
        try
        {
            var told = party.Qmp.WaitForEventAsync("MIGRATION", data => ends.Contains(data.GetProperty("status").GetString()), Timeouts.Answer, deadline);
            await await Task.WhenAny(told, exited);
        }
        catch (Exception e) when (e is IOException or TimeoutException or OperationCanceledException)
        {
            // It does not say so in this session.
        }
    }

    /// <summary>Waits until each entropy device has given a buffer back, and each disk has written.</summary>
    private async Task ServesAsync()
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (Enumerable.Range(0, Devices).Any(device => Ram.Served(device) == 0) || DiskLog.Entropy.Any(log => log.Counts(Ram.Read).All(count => count == 0)))
        {
            await Task.Delay(Poll, deadline.Token);
        }
    }

    /// <summary>Starts a process with every kind of back end, two entropy devices (one of them with a quota, which takes a timer), two disks, log, pid file, monitors under names that both have, and one for the verdict.</summary>
    private Task<Party> StartAsync(string name, bool isWatched, bool withRuns, params string[] more) => Party.StartAsync(
        name,
        Folder,
        [.. _network?.Enter ?? [], .. isWatched ? Injector.Starting(_window!, withRuns) : [], Program],
        Guest,
        [
            "-qmp", "unix:shared.qmp,server=on,wait=off", "-monitor", "unix:shared.hmp,server=on,wait=off",
            "-qmp", $"unix:{CallVerdict.Endpoint(name)},server=on,wait=off",
            "-chardev", $"socket,id=client,path={ClientSocket},server=on,wait=off,logfile=client.log", "-serial", "chardev:client", "-serial", "file:serial.out", "-serial", "pty",
            "-chardev", "ringbuf,id=ring,size=4096", "-serial", "chardev:ring",
            "-device", "virtio-rng-device,id=rng0,bus=virtio-mmio-bus.23", "-object", "rng-random,id=file,filename=/dev/urandom",
            "-device", "virtio-rng-device,id=rng1,bus=virtio-mmio-bus.22,rng=file,max-bytes=1024,period=20",
            "-object", "throttle-group,id=limits,x-iops-total=100",
            "-blockdev", $"driver=file,node-name=uring,filename={Images[0]},aio=io_uring", "-blockdev", "driver=throttle,node-name=slow0,throttle-group=limits,file=uring",
            "-device", "virtio-blk-device,drive=slow0,bus=virtio-mmio-bus.21,werror=report",
            "-blockdev", $"driver=file,node-name=threads,filename={Images[1]},aio=threads", "-blockdev", "driver=throttle,node-name=slow1,throttle-group=limits,file=threads",
            "-device", "virtio-blk-device,drive=slow1,bus=virtio-mmio-bus.20,werror=report",
            "-initrd", FaultProgram.Host.TinyGuest(Party.Guest), "-D", LogFile, "-pidfile", "vmm.pid",
            .. _network?.Options ?? [], .. more,
        ]);
}
