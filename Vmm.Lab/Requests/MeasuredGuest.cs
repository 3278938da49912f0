// A Linux guest with two disks that are nowhere, on vmm or on QEMU: /dev/vda, whose I/O thread sleeps between events, and /dev/vdb, whose thread
// polls as it does by default. Both programs get the same devices, memory and kernel. The guest's pulse is ended, so that nothing writes to the
// console during a measurement.

using System.Globalization;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Requests;

/// <summary>A guest whose requests are measured; it rests between two measurements.</summary>
internal sealed class MeasuredGuest : IAsyncDisposable
{
    private const string Initramfs = "/guests/requests.initramfs";

    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestBoot = TimeSpan.FromMinutes(5);

    private readonly IHost _host;
    private readonly VmmProcess _process;
    private readonly ConsoleReader _console;
    private readonly QmpClient _qmp;
    private readonly int _vcpu;

    private MeasuredGuest(IHost host, VmmProcess process, ConsoleReader console, QmpClient qmp, int vcpu) =>
        (_host, _process, _console, _qmp, _vcpu) = (host, process, console, qmp, vcpu);

    /// <summary>Boots it on vmm.</summary>
    internal static Task<MeasuredGuest> OnVmmAsync(IHost host, CancellationToken cancellation) =>
        BootAsync(host, host.VmmPath, ["-machine", "microvm,memory-backend=ram0"], cancellation);

    /// <summary>Boots it on QEMU.</summary>
    internal static Task<MeasuredGuest> OnQemuAsync(IHost host, CancellationToken cancellation) => BootAsync(
        host,
        "qemu-system-x86_64",
        ["-machine", "microvm,memory-backend=ram0,auto-kernel-cmdline=off", "-global", "virtio-mmio.force-legacy=false", "-no-user-config"],
        cancellation);

    /// <summary>Makes requests, and none of them, and reports what each cost.</summary>
    /// <param name="polls">Whether the disk's thread polls.</param>
    /// <param name="depth">Requests in flight.</param>
    /// <param name="count">How many.</param>
    /// <param name="cancellation">Gives up.</param>
    internal async Task<RequestFigures> MeasureAsync(bool polls, int depth, int count, CancellationToken cancellation)
    {
        string command = $"requests /dev/vd{(polls ? 'b' : 'a')} {depth}";
        await _qmp.ExecuteAsync("cont", cancellation: cancellation);
        await RunAsync($"{command} {Math.Max(depth, count / 20)}", cancellation);
        var (nothing, _) = await CostsAsync($"{command} 0", cancellation);
        var (costs, output) = await CostsAsync($"{command} {count}", cancellation);
        await _qmp.ExecuteAsync("stop", cancellation: cancellation);
        return output.Split(' ').Select(word => double.Parse(word, CultureInfo.InvariantCulture)).ToArray() is [var took, var median, var percentile, var interrupts]
            ? new RequestFigures((costs - nothing).Of(count), count / (took / 1e9), interrupts / count, median, percentile)
            : throw new IOException($"the guest's program said something else: {output}");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        await _qmp.DisposeAsync();
        await _console.DisposeAsync();
    }

    private static async Task<MeasuredGuest> BootAsync(IHost host, string program, string[] machine, CancellationToken cancellation)
    {
        string folder = await host.MakeFolderAsync(cancellation);
        string[] arguments =
        [
            .. machine, "-accel", "kvm", "-cpu", "host", "-smp", "1", "-m", "256M",
            "-object", "memory-backend-memfd,id=ram0,size=256M,share=on", "-nodefaults", "-display", "none",
            "-kernel", host.GuestKernel, "-initrd", Initramfs, "-append", "console=ttyS0 quiet",
            "-object", "iothread,id=sleeps,poll-max-ns=0", "-object", "iothread,id=polls",
            "-blockdev", "driver=null-co,node-name=disk0,size=1073741824", "-device", "virtio-blk-device,drive=disk0,iothread=sleeps",
            "-blockdev", "driver=null-co,node-name=disk1,size=1073741824", "-device", "virtio-blk-device,drive=disk1,iothread=polls",
            "-chardev", "socket,id=console,path=console.sock,server=on,wait=off", "-serial", "chardev:console",
            "-qmp", "unix:qmp.sock,server=on,wait=off",
        ];
        var process = await VmmProcess.StartAsync(host, program, arguments, folder, cancellation);
        ConsoleReader? console = null;
        QmpClient? qmp = null;
        try
        {
            console = new ConsoleReader(await process.ConnectAsync("console.sock", cancellation));
            qmp = await process.OpenQmpAsync("qmp.sock", cancellation);
            await console.WaitForLineAsync("guest: up", LongestBoot, cancellation);
            var vcpus = await qmp.ExecuteAsync("query-cpus-fast", cancellation: cancellation);
            var guest = new MeasuredGuest(host, process, console, qmp, vcpus[0].GetProperty("thread-id").GetInt32());
            await guest.RunAsync("killall tick", cancellation);
            await qmp.ExecuteAsync("stop", cancellation: cancellation);
            return guest;
        }
        catch (Exception failure)
        {
            await process.DisposeAsync();
            await (qmp?.DisposeAsync() ?? ValueTask.CompletedTask);
            string said = console is null ? "" : string.Join('\n', console.Lines.TakeLast(10));
            await (console?.DisposeAsync() ?? ValueTask.CompletedTask);
            throw new IOException($"{program} does not boot the guest: {failure.Message}\n{process.Errors}\n{said}", failure);
        }
    }

    private async Task<(RequestCosts Costs, string Output)> CostsAsync(string command, CancellationToken cancellation)
    {
        var before = await RequestCosts.ReadAsync(_host, _process.Pid, _vcpu);
        string output = await RunAsync(command, cancellation);
        return (await RequestCosts.ReadAsync(_host, _process.Pid, _vcpu) - before, output);
    }

    private async Task<string> RunAsync(string command, CancellationToken cancellation)
    {
        var result = await _console.RunAsync(command, LongestRun, cancellation);
        return result.Status == 0 ? result.Output.Trim() : throw new IOException($"`{command}` in the guest: {result.Output}");
    }
}
