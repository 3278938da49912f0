// Watches all processes and programs of an update by exec pass their boundaries (Vmm.Migration/Handover/Boundary.cs). Each program connects anew, so the
// program that replaced another has a connection of its own in the same process. One step is struck; every other passes at once.

using System.Net.Sockets;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.Faults.Exec;

/// <summary>The other end of the observer sockets of a test's programs.</summary>
internal sealed class ExecObserver : IAsyncDisposable
{
    private static readonly byte[] Leave = [1];

    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Journal<Passage> _passed = new("the steps of the programs");
    private readonly List<Socket> _held = [];
    private readonly List<Task> _serving = [];
    private readonly List<Socket> _programs = [];
    private readonly Func<Passage, bool> _isStruck;
    private readonly Func<Passage, bool> _strike;
    private readonly Lock _lock = new();
    private readonly Task _accepting;
    private bool _isStruckAlready;

    /// <param name="path">The observers' socket.</param>
    /// <param name="isStruck">Which passage is struck; the first for which it is so.</param>
    /// <param name="strike">What is done then; it answers whether the program may continue.</param>
    internal ExecObserver(string path, Func<Passage, bool> isStruck, Func<Passage, bool> strike)
    {
        (_isStruck, _strike) = (isStruck, strike);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _accepting = AcceptAsync();
    }

    /// <summary>Everything that was passed.</summary>
    internal IReadOnlyList<Passage> Passed => _passed.Entries;

    /// <summary>Waits until the fault has struck.</summary>
    internal Task StruckAsync() => _passed.FindAsync(0, p => p.IsStruck, "the struck step", Timeouts.Answer, CancellationToken.None);

    /// <summary>Lets what is held continue.</summary>
    internal void Release()
    {
        lock (_lock)
        {
            _held.ForEach(socket => Reply(socket));
            _held.Clear();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting;
        Release();
        lock (_lock)
        {
            _programs.ForEach(program => program.Dispose());
        }

        await Task.WhenAll(_serving);
    }

    private async Task AcceptAsync()
    {
        try
        {
            for (int number = 0; ; number++)
            {
                var program = await _listener.AcceptAsync();
                lock (_lock)
                {
                    _programs.Add(program);
                }

                _serving.Add(ServeAsync(program, number));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket program, int number)
    {
        using var owned = program;
        int process = PeerOf(program);
        byte[] step = new byte[1];
        try
        {
            while (await program.ReceiveAsync(step) == 1)
            {
                Take(program, new Passage(process, number, step[0]));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The program has ended, or the test.
        }
    }

    private void Take(Socket program, Passage passage)
    {
        lock (_lock)
        {
            bool isStruck = !_isStruckAlready && _isStruck(passage);
            _isStruckAlready |= isStruck;
            bool mayContinue = !isStruck || _strike(passage);
            if (mayContinue)
            {
                Reply(program);
            }
            else
            {
                _held.Add(program);
            }

            _passed.Add(passage with { IsStruck = isStruck });
        }
    }

    private static int PeerOf(Socket socket)
    {
        byte[] credentials = new byte[12];
        socket.GetRawSocketOption(1, 17 /* SO_PEERCRED */, credentials);
        return BitConverter.ToInt32(credentials);
    }

    private static void Reply(Socket program)
    {
        try
        {
            program.Send(Leave);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // A program that was ended while it was held needs no permission.
        }
    }
}
