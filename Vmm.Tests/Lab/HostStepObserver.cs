// Watches a process on a host pass the boundaries of a handover, and holds it at one. See Vmm.Migration/Handover/Boundary.cs: the process connects to
// a unix socket, sends a byte that names the step that it has just done and waits for one byte. On the host socat listens there and passes both
// on. The process is held at the first step that is not before the given one; the steps' order is that in which old and new pass them together.

using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Lab;

/// <summary>The other end of a process's observer socket on a host.</summary>
internal sealed class HostStepObserver : IAsyncDisposable
{
    private static readonly byte[] Leave = [1];

    private readonly Lock _lock = new();
    private readonly IHostProcess _relay;
    private readonly Journal<HandoverStep> _passed = new("the steps of the process");
    private readonly Task _serving;
    private HandoverStep? _holdFrom;
    private int _from;
    private bool _held;

    private HostStepObserver(IHostProcess relay)
    {
        _relay = relay;
        _serving = ServeAsync();
    }

    /// <summary>Listens for the one process that will connect.</summary>
    internal static async Task<HostStepObserver> ListenAsync(IHost host, string path)
    {
        var relay = await host.StartAsync($"exec socat UNIX-LISTEN:{Shell.Quote(path)} STDIO 2> /dev/null");
        await host.RunAsync($"until [ -S {Shell.Quote(path)} ]; do usleep 2000 2> /dev/null || sleep 0.002; done");
        return new HostStepObserver(relay);
    }

    /// <summary>In its next handover the process is held as soon as it has done a step that is this one or a later one.</summary>
    internal void HoldFrom(HandoverStep step)
    {
        lock (_lock)
        {
            _holdFrom = step;
            _from = _passed.Entries.Length;
        }
    }

    /// <summary>Waits until the process has done a step since <see cref="HoldFrom"/>.</summary>
    internal Task WaitForAsync(HandoverStep step) =>
        _passed.FindAsync(_from, passed => passed == step, $"step {step}", Timeouts.Boot, CancellationToken.None);

    /// <summary>Lets the process continue; it is held nowhere any more.</summary>
    internal async Task ReleaseAsync()
    {
        bool held;
        lock (_lock)
        {
            _holdFrom = null;
            held = _held;
            _held = false;
        }

        if (held)
        {
            await ReplyAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _relay.DisposeAsync();
        await _serving;
    }

    private async Task ServeAsync()
    {
        var step = new byte[1];
        try
        {
            while (await _relay.Output.ReadAsync(step) == 1)
            {
                bool held;
                lock (_lock)
                {
                    held = _held = _holdFrom <= (HandoverStep)step[0];
                }

                _passed.Add((HandoverStep)step[0]);
                if (!held)
                {
                    await ReplyAsync();
                }
            }

            _passed.End("it closed its end");
        }
        catch (Exception failure) when (failure is IOException or ObjectDisposedException)
        {
            _passed.End(failure.Message);
        }
    }

    private async Task ReplyAsync()
    {
        await _relay.Input.WriteAsync(Leave);
        await _relay.Input.FlushAsync();
    }
}
