using Vmm.Core.Chardevs;

namespace Vmm.Tests.Unit.Chardevs;

/// <summary>A front end that takes all input, or as much as a test lets it, and can wait for room for output.</summary>
internal sealed class CollectingFrontEnd : IChardevFrontEnd
{
    private readonly Chardev _chardev;
    private readonly List<byte> _received = [];
    private readonly ManualResetEventSlim _outputReady = new();
    private int _room = int.MaxValue;

    internal CollectingFrontEnd(Chardev chardev)
    {
        _chardev = chardev;
        chardev.Attach(this);
    }

    public int Room => _room;

    /// <summary>Set when the terminal's size has changed.</summary>
    internal ManualResetEventSlim Resized { get; } = new();

    internal byte[] Received
    {
        get
        {
            lock (_chardev.Gate)
            {
                return [.. _received];
            }
        }
    }

    public void Receive(ReadOnlySpan<byte> bytes)
    {
        Assert.That(bytes.Length, Is.LessThanOrEqualTo(_room));
        _room -= bytes.Length;
        _received.AddRange(bytes);
    }

    public void OutputReady() => _outputReady.Set();

    public void SizeChanged() => Resized.Set();

    internal void Allow(int room)
    {
        lock (_chardev.Gate)
        {
            _room = room;
        }

        _chardev.InputReady();
    }

    /// <summary>Writes all, waiting for room as a guest waits for THRE.</summary>
    internal void WriteAll(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            _outputReady.Reset();
            int accepted = _chardev.Write(bytes);
            bytes = bytes[accepted..];
            if (!bytes.IsEmpty)
            {
                Assert.That(_outputReady.Wait(TimeSpan.FromSeconds(20)), Is.True, "room for output");
            }
        }
    }

    internal void WaitFor(int count)
    {
        Assert.That(() => Received, Has.Length.GreaterThanOrEqualTo(count).After(20_000, 5));
    }
}
