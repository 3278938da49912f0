// A Linux guest on vmm or on QEMU, with devices that are measured. Both programs get the same devices, memory and kernel. The guest's pulse is ended,
// so that nothing writes to the console during a measurement, and it is stopped between two of them, so that it takes nothing from the other guest.

using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Comparisons;

/// <summary>A guest whose devices are measured.</summary>
internal sealed class MeasuredGuest : IAsyncDisposable
{
    private const string Initramfs = "/guests/measured.initramfs";

    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestBoot = TimeSpan.FromMinutes(5);

    private readonly VmmProcess _process;
    private readonly ConsoleReader _console;
    private readonly QmpClient _qmp;
    private readonly int _vcpu;

    private MeasuredGuest(IHost host, VmmProcess process, ConsoleReader console, QmpClient qmp, int vcpu) =>
        (Host, _process, _console, _qmp, _vcpu) = (host, process, console, qmp, vcpu);

    /// <summary>Where it runs.</summary>
    internal IHost Host { get; }

    /// <summary>Boots it on vmm, and stops it.</summary>
    /// <param name="host">Where.</param>
    /// <param name="devices">Arguments that give it what is measured.</param>
    /// <param name="cancellation">Gives up.</param>
    internal static Task<MeasuredGuest> OnVmmAsync(IHost host, string[] devices, CancellationToken cancellation)
    {
        Console.Error.WriteLine("booting the guest on vmm");
        return BootAsync(host, host.VmmPath, ["-machine", "microvm,memory-backend=ram0", .. devices], cancellation);
    }

    /// <summary>Boots it on QEMU, and stops it.</summary>
    /// <param name="host">Where.</param>
    /// <param name="devices">Arguments that give it what is measured.</param>
    /// <param name="cancellation">Gives up.</param>
    internal static Task<MeasuredGuest> OnQemuAsync(IHost host, string[] devices, CancellationToken cancellation)
    {
        Console.Error.WriteLine("booting the guest on QEMU");
        return BootAsync(
            host,
            ComparedHost.Qemu,
            ["-machine", "microvm,memory-backend=ram0,auto-kernel-cmdline=off", "-global", "virtio-mmio.force-legacy=false", "-no-user-config", .. devices],
            cancellation);
    }

    /// <summary>Lets it run.</summary>
    internal Task ContinueAsync(CancellationToken cancellation) => _qmp.ExecuteAsync("cont", cancellation: cancellation);

    /// <summary>Stops it.</summary>
    internal Task StopAsync(CancellationToken cancellation) => _qmp.ExecuteAsync("stop", cancellation: cancellation);

    /// <summary>Gives the vCPU a processor, and all other threads that there are another, so that no figure depends on which of them share one.</summary>
    internal Task PlaceAsync(CancellationToken cancellation) => Host.RunAsync(
        $"cd /proc/{_process.Pid}/task && for thread in *; do taskset -p {ComparedHost.OtherProcessor} $thread; done && taskset -p {ComparedHost.VcpuProcessor} {_vcpu}",
        cancellation);

    /// <summary>Runs a command in it while it runs.</summary>
    /// <returns>What the command wrote.</returns>
    internal async Task<string> RunAsync(string command, CancellationToken cancellation)
    {
        var result = await _console.RunAsync(command, LongestRun, cancellation);
        return result.Status == 0 ? result.Output.Trim() : throw new IOException($"`{command}` in the guest: {result.Output}");
    }

    /// <summary>Does something, and reports what the guest's process cost its host meanwhile.</summary>
    internal async Task<(HostCosts Costs, T Result)> CostsAsync<T>(Func<Task<T>> act)
    {
        var before = await HostCosts.ReadAsync(Host, _process.Pid, _vcpu);
        var result = await act();
        return (await HostCosts.ReadAsync(Host, _process.Pid, _vcpu) - before, result);
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
            await guest.StopAsync(cancellation);
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
}
