using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Backends.Net;
using Vmm.Core.Chardevs;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Devices;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>Streams, their peers, and the events of both.</summary>
public abstract class StreamTest : IDisposable
{
    private readonly BlockingCollection<string> _events = [];

    private protected StreamBench Bench { get; } = new();

    private protected string Address => Bench.PathOf("s");

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            Bench.Dispose();
            _events.Dispose();
        }
    }

    private protected static byte[] Frame(int number) => StreamFrames.Frame(60 + number, number);

    private protected static void Send(SafeFileHandle peer, int number) => SocketPair.Send(peer, StreamFrames.OnWire(Frame(number)));

    private protected StreamNetdev Server() => New(new SocketChardevOptions { Path = Address, Server = true });

    private protected StreamNetdev Client(int reconnect = 0) => New(new SocketChardevOptions { Path = Address, Reconnect = TimeSpan.FromMilliseconds(reconnect) });

    private protected StreamNetdev New(SocketChardevOptions options)
    {
        StreamBench.ClearSynchronizationContext();
        var netdev = Bench.Keep(new StreamNetdev(new StreamNetdevConfiguration("n0", options), Bench.Loop, Bench.Log));
        netdev.Connected = address => _events.Add($"connected {address}");
        netdev.Disconnected = () => _events.Add("disconnected");
        return netdev;
    }

    private protected static StreamNetdev Started(StreamNetdev netdev)
    {
        netdev.Open();
        netdev.Start();
        return netdev;
    }

    private protected StreamDevice Device(StreamNetdev netdev)
    {
        var device = Bench.Keep(new StreamDevice(netdev));
        device.Start();
        return device;
    }

    private protected void Expect(string what)
    {
        Assert.That(_events.TryTake(out string? next, TimeSpan.FromSeconds(30)), Is.True, $"event: {what}");
        Assert.That(next, Is.EqualTo(what));
    }

    private protected SafeFileHandle Connect() => Bench.Keep(UnixSocket.ConnectTo(Address));

    private protected SafeFileHandle Listen(string? name = null)
    {
        var listener = UnixSocket.Create();
        UnixSocket.Listen(listener, name is null ? Address : Bench.PathOf(name), 8);
        return listener;
    }

    private protected SafeFileHandle Accept(SafeFileHandle listener)
    {
        Assert.That(FileDescriptor.WaitFor(listener, FdEvents.In, TimeSpan.FromSeconds(30)), Is.Not.EqualTo(FdEvents.None), "it connects");
        return Bench.Keep(HostSocket.Accept(listener)!);
    }
}
