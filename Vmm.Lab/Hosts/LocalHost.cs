using System.Diagnostics;
using System.Net.Sockets;

namespace Vmm.Lab.Hosts;

/// <summary>This machine.</summary>
public sealed class LocalHost : IHost
{
    private static readonly TimeSpan ConnectRetry = TimeSpan.FromMilliseconds(5);

    /// <inheritdoc/>
    public string Name => "this machine";

    /// <inheritdoc/>
    public string VmmPath => Repository.Path("out/vmm");

    /// <inheritdoc/>
    public string GuestKernel => Repository.Path("out/lab/vmlinuz");

    /// <inheritdoc/>
    public string GuestInitramfs => Repository.Path("out/lab/guest.initramfs");

    /// <inheritdoc/>
    public string GuestDisk => Repository.Path("out/lab/disk.img");

    /// <inheritdoc/>
    public string ClockReader => Repository.Path("out/lab/clocks");

    /// <inheritdoc/>
    public string StreamClient => Repository.Path("out/lab/fetch");

    /// <inheritdoc/>
    public string TinyGuest(string name) => Repository.Path($"out/guests/{name}.elf");

    /// <inheritdoc/>
    public async Task<IHostProcess> StartAsync(string command, CancellationToken cancellation = default) =>
        new LocalProcess(await Spawner.StartAsync("/bin/sh", ["-c", command]));

    /// <inheritdoc/>
    public async Task<HostStream> ConnectAsync(string unixPath, CancellationToken cancellation = default)
    {
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(unixPath), cancellation);
                return new LocalStream(new NetworkStream(socket, ownsSocket: true));
            }
            catch (SocketException notYet) when (IsNotYet(notYet))
            {
                // Nothing says when a process starts to listen, so this asks again until the caller gives up.
                socket.Dispose();
                await Task.Delay(ConnectRetry, cancellation);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // ENOENT has no SocketError of its own; .NET reports it as AddressNotAvailable.
    private static bool IsNotYet(SocketException failure) =>
        failure.SocketErrorCode is SocketError.ConnectionRefused or SocketError.AddressNotAvailable;
}

/// <summary>A command that runs on this machine.</summary>
internal sealed class LocalProcess(Process process) : IHostProcess
{
    public int Pid => process.Id;

    public Stream Input { get; } = process.StandardInput.BaseStream;

    public HostStream Output { get; } = new LocalStream(process.StandardOutput.BaseStream);

    public HostStream Errors { get; } = new LocalStream(process.StandardError.BaseStream);

    public Task<int> Exited { get; } = ExitOf(process);

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }

        await Exited;
        process.Dispose();
    }

    private static async Task<int> ExitOf(Process process)
    {
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}

/// <summary>A stream on this machine, stamped with its clocks at each read.</summary>
internal sealed class LocalStream(Stream inner) : HostStream
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await inner.ReadAsync(buffer, cancellationToken);
        LastRead = HostTime.Here;
        return count;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await inner.WriteAsync(buffer, cancellationToken);
        await inner.FlushAsync(cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        inner.Dispose();
        base.Dispose(disposing);
    }
}
