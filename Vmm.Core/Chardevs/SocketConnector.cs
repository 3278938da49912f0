// Connecting to a server that may not be there yet, or may go: one attempt at a time, and after one that failed, or a connection that ended, an
// interval without any. Nothing waits for the network: a TCP connection that takes its time is watched by the loop.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>The attempts of a chardev to connect. Loop thread with the chardev's gate held, but for <see cref="TakeUnfinished"/>.</summary>
/// <param name="socket">Where to.</param>
/// <param name="interval">The time between two attempts.</param>
/// <param name="loop">The I/O loop.</param>
/// <param name="gate">The chardev's.</param>
internal sealed class SocketConnector(SocketEndpoint socket, TimeSpan interval, EventLoop loop, Lock gate)
{
    private ByteEnd? _connecting;
    private int _address;
    private bool _wasTried;
    private bool _isResting;
    private bool _isFailureReported;

    /// <summary>Receives a connection.</summary>
    internal required Action<ByteEnd> Connected { get; init; }

    /// <summary>Called when <see cref="Continue"/> has something to do.</summary>
    internal required Action Due { get; init; }

    /// <summary>Receives why there is no connection; once until there is one.</summary>
    internal required Action<string> Failed { get; init; }

    /// <summary>Connects, if it is time for it.</summary>
    internal void Continue()
    {
        if (_connecting is not null)
        {
            _connecting.WatchFor(FdEvents.Out, loop, OnReady);
        }
        else if (_wasTried)
        {
            Rest();
        }
        else
        {
            _wasTried = true;
            _address = 0;
            Try();
        }
    }

    /// <summary>Looks at nothing until <see cref="Continue"/>.</summary>
    internal void Pause() => _connecting?.WatchFor(FdEvents.None, loop, OnReady);

    /// <summary>What was being connected, to be closed; null if nothing was. Any thread.</summary>
    internal ByteEnd? TakeUnfinished()
    {
        var unfinished = _connecting;
        _connecting = null;
        return unfinished;
    }

    /// <summary>Begins with the next address; when there is none left the attempt has failed.</summary>
    private void Try(string? failure = null)
    {
        while (_address < socket.AddressCount)
        {
            try
            {
                var (handle, isConnected) = socket.BeginConnect(_address++);
                if (isConnected)
                {
                    Succeed(new ByteEnd(handle));
                    return;
                }

                _connecting = new ByteEnd(handle);
                _connecting.WatchFor(FdEvents.Out, loop, OnReady);
                return;
            }
            catch (IOException error)
            {
                failure = error.Message;
            }
        }

        if (!_isFailureReported)
        {
            _isFailureReported = true;
            Failed(failure!);
        }

        Rest();
    }

    private void Succeed(ByteEnd connection)
    {
        _isFailureReported = false;
        Connected(connection);
    }

    private void Rest()
    {
        if (!_isResting)
        {
            _isResting = true;
            loop.After(interval, () =>
            {
                lock (gate)
                {
                    _isResting = false;
                    _wasTried = false;
                    Due();
                }
            });
        }
    }

    private void OnReady(FdEvents events)
    {
        lock (gate)
        {
            if (TakeUnfinished() is not { } tried)
            {
                return;
            }

            tried.WatchFor(FdEvents.None, loop, OnReady);
            if (HostSocket.ErrorOf(tried.Handle) is var error and not 0)
            {
                tried.Close();
                Try(socket.ConnectError(error).Message);
            }
            else
            {
                Succeed(tried);
            }
        }
    }
}
