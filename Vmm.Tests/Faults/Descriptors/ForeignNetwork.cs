// Network back ends of every kind that has something open: a tap in a network of its own, a stream that connects, and one that listens and has a client; or passt.
// The test is the peer of both streams.

using System.Net.Sockets;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.Faults.Descriptors;

/// <summary>What the network back ends of a machine lead to: passt alone, which needs the host's network, or all the others.</summary>
internal sealed class ForeignNetwork : IDisposable
{
    /// <summary>passt's file.</summary>
    internal const string Passt = "/usr/bin/passt";

    private const string PeerName = "peer.sock";
    private const string ServerName = "served.sock";
    private const string OfPasst = "netdev/host/";

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    private readonly TapNetwork? _tap;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Socket _client = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private Socket? _accepted;

    private ForeignNetwork(bool isPasst)
    {
        if (isPasst)
        {
            ProgramFixture.Require("FAULT TESTS OF PASST", Passt);
            Options = ["-netdev", "user,id=host,net=10.0.2.0/24", "-device", "virtio-net-device,netdev=host"];
            return;
        }

        _tap = new TapNetwork();
        Options =
        [
            "-netdev", $"tap,id=tap,ifname={TapNetwork.Interface},script=no,downscript=no",
            "-device", "virtio-net-device,netdev=tap",
            "-netdev", $"stream,id=link,addr.type=unix,addr.path={PeerName},reconnect-ms=100",
            "-device", "virtio-net-device,netdev=link",
            "-netdev", $"stream,id=served,server=on,addr.type=unix,addr.path={ServerName}",
            "-device", "virtio-net-device,netdev=served",
        ];
    }

    /// <summary>The names under which their descriptors cross.</summary>
    internal static IReadOnlyList<string> Names { get; } =
        ["netdev/tap/0", "netdev/link/connection", "netdev/served/listener", "netdev/served/connection", $"{OfPasst}connection", $"{OfPasst}program"];

    /// <summary>What runs a program in the tap's network.</summary>
    internal IReadOnlyList<string> Enter => _tap?.Enter ?? [];

    /// <summary>The options of the back ends, and of a device on each.</summary>
    internal IReadOnlyList<string> Options { get; }

    /// <summary>The names of those that are here.</summary>
    internal IEnumerable<string> Crossing => Names.Where(name => IsPasst(name) == _tap is null);

    /// <summary>Makes the back ends one of which a name belongs to; null for a name that is none's.</summary>
    internal static ForeignNetwork? Of(string name) => Names.Contains(name) ? new ForeignNetwork(IsPasst(name)) : null;

    /// <summary>Listens, before there is a process that connects.</summary>
    internal void Listen(string folder)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(folder, PeerName)));
        _listener.Listen();
    }

    /// <summary>Waits until a process has both connections.</summary>
    internal async Task ConnectAsync(string folder, QmpClient monitor)
    {
        if (_tap is null)
        {
            return;
        }

        _accepted = await _listener.AcceptAsync();
        await _client.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(folder, ServerName)));
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        string[] unconnected = ["type=stream,connecting", "type=stream,listening"];
        string text;
        do
        {
            await Task.Delay(Poll, deadline.Token);
            var answer = await monitor.ExecuteAsync("human-monitor-command", """{"command-line": "info network"}""", deadline.Token);
            text = answer.GetString()!;
        }
        while (unconnected.Any(text.Contains));
        Assert.That(text.Split("type=stream,unix:"), Has.Length.EqualTo(3), text);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _accepted?.Dispose();
        _client.Dispose();
        _listener.Dispose();
        _tap?.Dispose();
    }

    private static bool IsPasst(string name) => name.StartsWith(OfPasst, StringComparison.Ordinal);
}
