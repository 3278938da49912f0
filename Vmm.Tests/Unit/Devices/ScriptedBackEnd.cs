using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Loop;

namespace Vmm.Tests.Unit.Devices;

/// <summary>A front end's opposite whose pace the test sets: a socket pair, this end of which is held by the test.</summary>
internal sealed class ScriptedBackEnd : IDisposable
{
    private readonly EventLoop _loop = new("test-io");
    private readonly SafeFileHandle _far;

    internal ScriptedBackEnd()
    {
        _loop.Start();
        (int near, _far) = SocketPair.Create();
        Chardev = new SocketChardev("serial0", _loop, new SocketChardevOptions { Descriptor = near });
        Chardev.Open();
        Chardev.Start();
    }

    internal SocketChardev Chardev { get; }

    /// <summary>The loop that serves it.</summary>
    internal EventLoop Loop => _loop;

    /// <summary>Lets the loop do all it has to do now.</summary>
    internal void Settle()
    {
        for (int i = 0; i < 4; i++)
        {
            _loop.Send(static _ => { }, null);
        }
    }

    internal void Type(ReadOnlySpan<byte> bytes)
    {
        SocketPair.Send(_far, bytes);
        Settle();
    }

    /// <summary>Takes what has arrived by now.</summary>
    internal byte[] TakeOutput()
    {
        Settle();
        return SocketPair.ReceiveAll(_far);
    }

    public void Dispose()
    {
        Chardev.Dispose();
        Settle();
        _loop.StopAndJoin();
        _loop.Dispose();
        _far.Dispose();
    }
}
