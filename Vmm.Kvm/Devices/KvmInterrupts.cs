// The one owner of a VM's interrupt routing table (KVM_SET_GSI_ROUTING).
//
// KVM takes the table whole. Its first part never changes: the pins of the in-kernel controllers, numbered as in a PC's MADT: identity,
// except that ISA interrupt 0, the timer, sits on pin 2 of the I/O APIC, which is why GSI 2 leads nowhere by itself (pin 2 of the 8259 is
// where the slave is attached). The first 16 also reach the 8259 pair, so that a guest finds its interrupts whichever
// controller it uses. Behind it come messages for the interrupts of a controller in user space; one without a message is left out,
// and what an irqfd signals for it is dropped.

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Vmm.Core.Buses;
using Vmm.Core.Hypervisors;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Devices;

/// <summary>The interrupts of a KVM VM.</summary>
internal sealed class KvmInterrupts : IInterrupts
{
    /// <summary>Pins of the in-kernel I/O APIC, and the first global system interrupt behind them.</summary>
    internal const int Pins = 24;

    /// <summary>Global system interrupts that lead to messages.</summary>
    private const int Messages = 24;

    private const int Header = 8;

    private static readonly int RouteSize = Marshal.SizeOf<KvmIrqRoute>();

    private readonly KvmFile _machine;
    private readonly KvmInterruptLine[] _lines;
    private readonly Lock _lock = new();
    private readonly byte[] _table;
    private readonly int _wired;
    private InterruptMessage?[] _messages = new InterruptMessage?[Messages];
    private InterruptMessage?[] _next = new InterruptMessage?[Messages];

    internal KvmInterrupts(KvmFile machine)
    {
        _machine = machine;
        _lines = [.. Enumerable.Range(0, Pins).Select(gsi => new KvmInterruptLine(machine, (uint)gsi))];
        KvmIrqRoute[] wired = [.. Wired()];
        _wired = wired.Length;
        _table = new byte[Header + ((_wired + Messages) * RouteSize)];
        MemoryMarshal.AsBytes(wired.AsSpan()).CopyTo(_table.AsSpan(Header));
        Install(_messages);
    }

    /// <inheritdoc/>
    public IInterruptLine Line(int gsi)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(gsi);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(gsi, _lines.Length);
        return _lines[gsi];
    }

    /// <inheritdoc/>
    public void Route(ReadOnlySpan<InterruptRoute> routes)
    {
        lock (_lock)
        {
            _messages.AsSpan().CopyTo(_next);
            foreach (var route in routes)
            {
                _next[MessageOf(route.Gsi)] = route.Message;
            }

            if (!_next.AsSpan().SequenceEqual(_messages))
            {
                Install(_next);
                (_messages, _next) = (_next, _messages);
            }
        }
    }

    /// <inheritdoc/>
    public IDisposable Bind(int gsi, SafeHandle eventFd)
    {
        _ = MessageOf(gsi);
        return new KvmIrqFdBinding(_machine, (uint)gsi, eventFd);
    }

    private static int MessageOf(int gsi)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(gsi, Pins);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(gsi, Pins + Messages);
        return gsi - Pins;
    }

    private static IEnumerable<KvmIrqRoute> Wired()
    {
        for (uint gsi = 0; gsi < Pins; gsi++)
        {
            if (gsi == 2)
            {
                continue;
            }

            if (gsi < 16)
            {
                yield return ToPin(gsi, gsi < 8 ? KvmInterruptController.PicMaster : KvmInterruptController.PicSlave, gsi % 8);
            }

            yield return ToPin(gsi, KvmInterruptController.IoApic, gsi == 0 ? 2 : gsi);
        }
    }

    private static KvmIrqRoute ToPin(uint gsi, uint irqchip, uint pin) =>
        new() { Gsi = gsi, Type = KvmIrqRoute.ToIrqchip, First = irqchip, Second = pin };

    private void Install(InterruptMessage?[] messages)
    {
        int count = _wired;
        var entries = MemoryMarshal.Cast<byte, KvmIrqRoute>(_table.AsSpan(Header));
        for (int i = 0; i < messages.Length; i++)
        {
            if (messages[i] is { } message)
            {
                entries[count++] = new KvmIrqRoute
                {
                    Gsi = (uint)(Pins + i),
                    Type = KvmIrqRoute.ToMessage,
                    First = (uint)message.Address,
                    Second = (uint)(message.Address >> 32),
                    Third = message.Data,
                };
            }
        }

        BinaryPrimitives.WriteUInt64LittleEndian(_table, (ulong)count);
        _machine.Call(KvmRequest.SetGsiRouting, _table);
    }
}
