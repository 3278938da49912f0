// A Linux guest that is never updated, beside those that are. It says how slow the host is: a busy host delays both, an
// interrupt that an update lost only the one that lost it. So the time that a guest is given for something is counted twice, in seconds
// and in the control guest's ticks, and is over when both are.

using System.Diagnostics;
using System.Globalization;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>The one guest of the host that nothing is done to.</summary>
internal sealed class ControlGuest : IAsyncDisposable
{
    /// <summary>No host is so slow: one whose control guest is silent for as long is stopped.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    private readonly LinuxGuest _guest;

    private ControlGuest(LinuxGuest guest) => _guest = guest;

    /// <summary>Its pulse so far.</summary>
    internal ControlPulse Pulse => ControlPulse.Of(_guest.Console);

    /// <summary>Boots it, which may take a slow host as long as it will.</summary>
    internal static async Task<ControlGuest> BootAsync(IHost host) => new(await LinuxGuest.BootAsync(host, vcpus: 1, control: null, Longest, LinuxGuestParts.None));

    /// <summary>Waits for something that a guest on the same host does.</summary>
    /// <param name="what">What it is, for the message.</param>
    /// <param name="time">How long it may take on a host that is not busy.</param>
    /// <param name="wait">Begins to wait, with a limit that is never reached before the control guest's, and until it is cancelled.</param>
    /// <exception cref="TimeoutException">It did not happen while the control guest ticked.</exception>
    internal async Task<T> GiveTimeAsync<T>(string what, TimeSpan time, Func<TimeSpan, CancellationToken, Task<T>> wait)
    {
        var clock = Stopwatch.StartNew();
        long first = _guest.Console.LastTick;
        using var over = new CancellationTokenSource();
        var waiting = wait(2 * Longest, over.Token);
        var passing = PassAsync(time, over.Token);
        try
        {
            if (await Task.WhenAny(waiting, passing) == waiting)
            {
                return await waiting;
            }

            await passing;
            throw new TimeoutException(string.Create(
                CultureInfo.InvariantCulture,
                $"{what}: not within {clock.Elapsed.TotalSeconds:0} s, in which the control guest ticked {_guest.Console.LastTick - first} times"));
        }
        finally
        {
            await over.CancelAsync();
            await Task.WhenAny(Task.WhenAll(waiting, passing));
        }
    }

    /// <summary>Ends it.</summary>
    public ValueTask DisposeAsync() => _guest.DisposeAsync();

    /// <summary>Completes when so much time is over for the control guest too.</summary>
    private async Task PassAsync(TimeSpan time, CancellationToken cancellation)
    {
        int ticks = (int)(time / Tick.Period);
        await Task.WhenAll(Task.Delay(time, cancellation), TickAsync());

        async Task TickAsync()
        {
            try
            {
                await _guest.Console.WaitForTicksAsync(ticks, Longest, cancellation);
            }
            catch (TimeoutException silence)
            {
                Assert.Ignore($"the host is stuck, which says nothing about vmm: the control guest, which was never updated, is silent: {silence.Message}");
            }
        }
    }
}
