// All who notice when a Linux guest with every device is disturbed (LinuxDevices): a client of its agent, one that reads its virtio console and types there,
// one that downloads from its web server, one that pings it, and its own writer, which has record after record on the disk. Each is connected once,
// and its work continues whatever is done to the guest's process.

using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>The connected clients of a guest.</summary>
internal sealed class GuestClients : IAsyncDisposable
{
    private readonly LinuxGuest _guest;
    private GuestTerminal? _terminal;
    private GuestPing? _ping;

    private GuestClients(LinuxGuest guest, GuestAgent agent, StreamClient download) => (_guest, Agent, Download) = (guest, agent, download);

    /// <summary>That of the agent.</summary>
    internal GuestAgent Agent { get; }

    /// <summary>That of the web server.</summary>
    internal StreamClient Download { get; }

    /// <summary>Makes the host's end of the network usable, and connects those of agent and web server.</summary>
    internal static async Task<GuestClients> ConnectAsync(LinuxGuest guest)
    {
        await HostFixture.Host.RunAsync(LinuxDevices.Network.SetUp!);
        var download = await StreamClient.ConnectAsync(HostFixture.Host, LinuxDevices.Network);
        try
        {
            return new GuestClients(guest, await GuestAgent.ConnectAsync(guest), download);
        }
        catch
        {
            await download.DisposeAsync();
            throw;
        }
    }

    /// <summary>From now on all of them are busy.</summary>
    internal async Task KeepBusyAsync()
    {
        _ping = await GuestPing.StartAsync(HostFixture.Host, LinuxDevices.Network);
        _terminal = await GuestTerminal.ConnectAsync(_guest);
        _terminal.KeepTyping();
        Agent.KeepAsking();
    }

    /// <summary>Does something to the guest, after which each of them still makes progress.</summary>
    internal async Task<T> OutliveAsync<T>(Func<Task<T>> disturb)
    {
        int before = await _guest.SavedAsync();
        var result = await disturb();
        await _terminal!.PrintsAgainAsync();
        await Agent.AnswersAgainAsync();
        await Download.WaitForMoreAsync();
        Assert.That(await _guest.SavedAsync(), Is.GreaterThan(before), "records saved since");
        return result;
    }

    /// <summary>Ends their work, and judges it.</summary>
    /// <returns>How much it was, in a sentence.</returns>
    internal async Task<string> EndAsync()
    {
        await Agent.EndAsync();
        await _terminal!.EndAsync();
        int answered = await _ping!.EndAsync();
        var stream = await Download.EndAsync();
        Assert.That(stream.Fault, Is.Null);
        return $"{Agent.Answers} answers of the agent, {_terminal.Received} lines printed, {_terminal.Typed} bytes typed, {answered} pings, all answered; {stream}";
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in new IAsyncDisposable?[] { Agent, _terminal, Download, _ping })
        {
            await (client?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }
}
