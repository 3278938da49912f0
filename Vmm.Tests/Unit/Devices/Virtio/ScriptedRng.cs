using System.Runtime.InteropServices;
using Vmm.Core.Backends.Rng;

namespace Vmm.Tests.Unit.Devices.Virtio;

/// <summary>A source of bytes that are all the same, and that has as many as the test says.</summary>
internal sealed class ScriptedRng : RngBackEnd
{
    internal const byte Value = 0xa5;

    /// <summary>How many bytes there are.</summary>
    internal int Left { get; set; } = int.MaxValue;

    /// <summary>What is answered in place of bytes.</summary>
    internal int? Answer { get; set; }

    internal int Calls { get; private set; }

    internal bool IsClosed { get; private set; }

    public override int Fill(nint address, int length)
    {
        Calls++;
        int count = Answer ?? Math.Min(length, Left);
        for (int i = 0; i < count; i++)
        {
            Marshal.WriteByte(address, i, Value);
        }

        Left -= Math.Max(count, 0);
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        IsClosed = true;
        base.Dispose(disposing);
    }
}
