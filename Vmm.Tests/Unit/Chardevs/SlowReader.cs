using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Chardevs;

/// <summary>A reader that reads in small pieces, and only while allowed to.</summary>
internal sealed class SlowReader : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _allowed = new();
    private readonly int _expected;
    private readonly List<byte> _bytes = [];

    internal SlowReader(SafeFileHandle handle, int expected)
    {
        _handle = handle;
        _expected = expected;
        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
    }

    internal void Begin() => _allowed.Set();

    internal byte[] WaitForAll()
    {
        Begin();
        Assert.That(_thread.Join(TimeSpan.FromSeconds(30)), Is.True, "everything arrives");
        return [.. _bytes];
    }

    public void Dispose() => _handle.Dispose();

    private void Run()
    {
        _allowed.Wait();
        Span<byte> buffer = stackalloc byte[97];
        while (_bytes.Count < _expected)
        {
            int got = FileDescriptor.ReadNow(_handle, buffer);
            if (got > 0)
            {
                _bytes.AddRange(buffer[..got]);
            }
            else if (got == 0)
            {
                return;
            }
            else
            {
                Thread.Yield();
            }
        }
    }
}
