// The lab as a host: boots lab/boot, waits for the agent inside to say that it listens, asks QEMU for the port that
// leads to it, and from then on opens one agent connection for each command and each unix socket.

using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Vmm.Lab.Drivers;

namespace Vmm.Lab.Hosts;

/// <summary>A Linux host with nested AMD virtualization inside QEMU's emulation; see lab/boot.</summary>
public sealed partial class LabHost : IHost
{
    /// <summary>How many of its processors run guests: all but the first (see lab/boot).</summary>
    internal const int ProcessorsForGuests = 2;

    private static readonly TimeSpan BootTimeout = TimeSpan.FromMinutes(2);

    private readonly LocalProcess _qemu;
    private readonly ConsoleReader _errors;
    private IPEndPoint _agent = new(IPAddress.Loopback, 0);

    private LabHost(LocalProcess qemu)
    {
        _qemu = qemu;
        Console = new ConsoleReader(qemu.Output);
        _errors = new ConsoleReader(qemu.Errors);
    }

    /// <inheritdoc/>
    public string Name => "the lab";

    /// <inheritdoc/>
    public string VmmPath => "/bin/vmm";

    /// <inheritdoc/>
    public string GuestKernel => "/guests/vmlinuz";

    /// <inheritdoc/>
    public string GuestInitramfs => "/guests/guest.initramfs";

    /// <inheritdoc/>
    public string GuestDisk => "/guests/disk.img";

    /// <inheritdoc/>
    public string ClockReader => "/bin/clocks";

    /// <inheritdoc/>
    public string StreamClient => "/bin/fetch";

    /// <summary>The lab host's own console, for when something goes wrong.</summary>
    public ConsoleReader Console { get; }

    /// <summary>How long it took from starting QEMU to the agent's readiness.</summary>
    public TimeSpan BootTime { get; private set; }

    /// <summary>Builds the image if something in it has changed, and boots it.</summary>
    /// <param name="cancellation">Gives up.</param>
    /// <param name="more">More arguments of QEMU, which count instead of those that lab/boot gives.</param>
    public static async Task<LabHost> BootAsync(CancellationToken cancellation = default, params string[] more)
    {
        await using (var here = new LocalHost())
        {
            await here.RunAsync($"exec {Shell.Quote(Repository.Path("lab/image"))}", cancellation);
        }

        var folder = Directory.CreateTempSubdirectory("vmm-lab.");
        var clock = Stopwatch.StartNew();
        var monitor = Path.Combine(folder.FullName, "qmp");
        var lab = new LabHost(new LocalProcess(await Spawner.StartAsync(
            Repository.Path("lab/boot"), ["-serial", "stdio", "-qmp", $"unix:{monitor},server=on,wait=off", .. more])));
        try
        {
            await lab.Console.WaitForLineAsync(line => line.Contains("lab: ready", StringComparison.Ordinal), BootTimeout, cancellation);
            lab._agent = new IPEndPoint(IPAddress.Loopback, await AgentPort(monitor, cancellation));
            lab.BootTime = clock.Elapsed;
            return lab;
        }
        catch (Exception failure)
        {
            await lab.DisposeAsync();
            cancellation.ThrowIfCancellationRequested();
            var said = string.Join('\n', lab.Console.Lines.Select(line => line.Text).TakeLast(20));
            throw new IOException($"the lab does not boot; its last output:\n{said}\n{string.Join('\n', lab._errors.Lines)}", failure);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <inheritdoc/>
    public string TinyGuest(string name) => $"/guests/{name}.elf";

    /// <inheritdoc/>
    public async Task<IHostProcess> StartAsync(string command, CancellationToken cancellation = default) =>
        new AgentProcess(await AgentConnection.OpenAsync(await DialAsync(cancellation), (byte)'x', command, cancellation));

    /// <inheritdoc/>
    public async Task<HostStream> ConnectAsync(string unixPath, CancellationToken cancellation = default) =>
        (await AgentConnection.OpenAsync(await DialAsync(cancellation), (byte)'u', unixPath, cancellation)).Output;

    /// <summary>Ends the machine.</summary>
    public async ValueTask DisposeAsync()
    {
        await _qemu.DisposeAsync();
        await Console.DisposeAsync();
        await _errors.DisposeAsync();
    }

    private async Task<NetworkStream> DialAsync(CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(_agent, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<int> AgentPort(string monitor, CancellationToken cancellation)
    {
        await using var here = new LocalHost();
        await using var qmp = await QmpClient.ConnectAsync(here, monitor, cancellation);
        var table = await qmp.ExecuteAsync(
            "human-monitor-command", new JsonObject { ["command-line"] = "info usernet" }, cancellation);
        var forward = HostForward().Match(table.GetString()!);
        return forward.Success
            ? int.Parse(forward.Groups[1].Value, CultureInfo.InvariantCulture)
            : throw new IOException($"QEMU names no forwarded port: {table.GetString()}");
    }

    [GeneratedRegex(@"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)")]
    private static partial Regex HostForward();
}
