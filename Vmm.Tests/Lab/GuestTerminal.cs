// A client of the guest's virtio console, connected once, while the guest goes from process to process. In the guest a program prints numbered lines
// to /dev/hvc0, a burst at a time, and another keeps what is typed there; the client types numbered lines. So what came on either side is compared,
// byte for byte, with what was said on the other.

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.Lab;

/// <summary>A connected client of the guest's virtio console.</summary>
internal sealed class GuestTerminal : IAsyncDisposable
{
    private const int LinesAtOnce = 8;

    // A terminal's line discipline would send back what is typed and change ends of lines; raw, it passes every byte on.
    private const string Serve =
        "(until [ -c /dev/hvc0 ]; do usleep 5000; done; exec 3<> /dev/hvc0; stty raw -echo <&3; cat <&3 > /tmp/typed & "
        + "echo $! > /tmp/reader; touch /tmp/serving; n=0; until [ -e /tmp/enough ]; do echo \"line $n\" >&3; n=$((n + 1)); [ $((n % 32)) -ne 0 ] || usleep 200000; done; "
        + "echo $n > /tmp/lines) > /dev/null 2>&1 & until [ -e /tmp/serving ]; do usleep 5000; done";

    /// <summary>Ends both programs, and removes their files, so that another client can begin.</summary>
    private const string Leave = "kill $(cat /tmp/reader); rm -f /tmp/typed /tmp/reader /tmp/serving /tmp/enough /tmp/lines";

    private static readonly TimeSpan BetweenBursts = TimeSpan.FromMilliseconds(200);

    private readonly LinuxGuest _guest;
    private readonly ConsoleReader _connection;
    private readonly CancellationTokenSource _enough = new();
    private readonly StringBuilder _typed = new();
    private Task _typing = Task.CompletedTask;

    private GuestTerminal(LinuxGuest guest, ConsoleReader connection)
    {
        _guest = guest;
        _connection = connection;
    }

    /// <summary>How many lines the client has received.</summary>
    internal int Received => _connection.Lines.Count;

    /// <summary>How many bytes it has typed.</summary>
    internal int Typed => _typed.Length;

    /// <summary>Connects, and starts both programs in the guest.</summary>
    internal static async Task<GuestTerminal> ConnectAsync(LinuxGuest guest)
    {
        var terminal = new GuestTerminal(guest, new ConsoleReader(await guest.Process.ConnectAsync(LinuxDevices.TerminalSocket)));
        await guest.RunAsync(Serve);
        return terminal;
    }

    /// <summary>From now on types line after line, whatever happens to the guest's process.</summary>
    internal void KeepTyping() => _typing = TypeAsync();

    /// <summary>Waits for a line that the guest has not printed yet, or that was under way.</summary>
    internal Task<ConsoleLine> PrintsAgainAsync() => _guest.GiveTimeAsync(
        "a line on the virtio console", Timeouts.Answer, (limit, end) => _connection.WaitForNextLineAsync(_ => true, limit, end));

    /// <summary>Has both sides stop, and judges: each has every byte of the other, once and in order.</summary>
    internal async Task EndAsync()
    {
        await _enough.CancelAsync();
        await _typing;
        string printed = await _guest.RunAsync("touch /tmp/enough; until [ -s /tmp/lines ]; do usleep 5000; done; cat /tmp/lines", Timeouts.Boot);
        int lines = int.Parse(printed, CultureInfo.InvariantCulture);
        await _guest.GiveTimeAsync(
            "the last line on the virtio console", Timeouts.Boot, (limit, end) => _connection.WaitForLineAsync(line => line == Line(lines - 1), limit, end));
        Assert.That(
            Encoding.Latin1.GetString(_connection.Bytes),
            Is.EqualTo(string.Concat(Enumerable.Range(0, lines).Select(n => Line(n) + "\n"))), "what the client received");

        await _guest.RunAsync($"until [ $(wc -c < /tmp/typed) -ge {Typed} ]; do usleep 5000; done", Timeouts.Boot);
        string digest = (await _guest.RunAsync("sha256sum < /tmp/typed"))[..64];
        Assert.That(digest, Is.EqualTo(Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(_typed.ToString())))), "what arrived in the guest");
        Assert.That(_connection.Closed.IsCompleted, Is.False, "the client was disconnected");
        await _guest.RunAsync(Leave);
    }

    public async ValueTask DisposeAsync()
    {
        await _enough.CancelAsync();
        await _connection.DisposeAsync();
        await Task.WhenAny(_typing);
        _enough.Dispose();
    }

    private static string Line(int number) => string.Create(CultureInfo.InvariantCulture, $"line {number}");

    private async Task TypeAsync()
    {
        for (int first = 0; !_enough.IsCancellationRequested; first += LinesAtOnce)
        {
            string burst = string.Join('\n', Enumerable.Range(first, LinesAtOnce).Select(n => n.ToString("x7", CultureInfo.InvariantCulture)));
            await _connection.TypeAsync(burst);
            _typed.Append(burst).Append('\n');
            await Task.Delay(BetweenBursts);
        }
    }
}
