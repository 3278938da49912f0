using Vmm.Core.Chardevs;
using Vmm.Core.Descriptors;

namespace Vmm.Tests.Unit.Devices.Virtio.Console;

/// <summary>A back end without threads: it takes and gives bytes when and as far as the test says.</summary>
internal sealed class ManualChardev() : Chardev("manual", null!)
{
    private readonly List<byte> _output = [];
    private readonly Queue<byte> _input = new();
    private bool _hasPeer = true;
    private bool _frontEndWaits;
    private ConsoleSize _size;

    public override string FileName => "manual";

    public override bool HasPeer => _hasPeer;

    public override ConsoleSize Size => _size;

    /// <summary>How many more bytes it takes.</summary>
    internal int Takes { get; private set; } = int.MaxValue;

    /// <summary>What it has taken.</summary>
    internal byte[] Output => [.. _output];

    /// <summary>How many bytes the front end has not taken.</summary>
    internal int InputLeft => _input.Count;

    private protected override void OpenEnd()
    {
    }

    private protected override bool AdoptEnd(HandedOverDescriptors handedOver) => true;

    private protected override IReadOnlyList<HandoverDescriptor> ExportEnd() => [];

    private protected override void QuiesceEnd() => IsRunning = false;

    private protected override void ResumeEnd()
    {
        lock (Gate)
        {
            IsRunning = true;
            ReportPeer();
        }

        InputReady();
    }

    private protected override void ReleaseEnd() => IsRunning = false;

    private protected override int Accept(ReadOnlySpan<byte> bytes)
    {
        lock (Gate)
        {
            int taken = Math.Min(bytes.Length, Takes);
            _output.AddRange(bytes[..taken]);
            Takes -= taken;
            _frontEndWaits |= taken < bytes.Length;
            return taken;
        }
    }

    public override void InputReady()
    {
        lock (Gate)
        {
            while (IsRunning && _input.Count > 0 && FrontEnd is { Room: > 0 } frontEnd)
            {
                byte[] bytes = [.. Enumerable.Range(0, Math.Min(frontEnd.Room, _input.Count)).Select(_ => _input.Dequeue())];
                frontEnd.Receive(bytes);
            }
        }
    }

    /// <summary>Takes so many more bytes, and no more.</summary>
    internal void Take(int bytes)
    {
        lock (Gate)
        {
            Takes = bytes;
            if (_frontEndWaits && bytes > 0)
            {
                _frontEndWaits = false;
                FrontEnd?.OutputReady();
            }
        }
    }

    internal void Type(ReadOnlySpan<byte> bytes)
    {
        lock (Gate)
        {
            foreach (byte value in bytes)
            {
                _input.Enqueue(value);
            }
        }

        InputReady();
    }

    internal void SetSize(ushort columns, ushort rows)
    {
        _size = new ConsoleSize(columns, rows);
        ReportSize();
    }

    internal void SetPeer(bool isThere)
    {
        lock (Gate)
        {
            _hasPeer = isThere;
            ReportPeer();
        }
    }

    private protected override void CloseEnd() => IsRunning = false;
}
