// KVM's 8254 in a saved file: as QEMU's. A counter's load time is the host's monotonic clock, as KVM has it; its counters start over where they are
// loaded. The gate of the speaker, which QEMU has in another device, is in a section of ours when it is open.

using System.Runtime.InteropServices;
using Vmm.Core.State;

namespace Vmm.Kvm.Devices;

/// <summary>KVM's timer in a saved file.</summary>
internal sealed class PitSavedForm : SavedForm<KvmDeviceState>
{
    private const int Channels = 3;
    private const int Flags = Channels * 24;
    private const uint Disabled = 1 << 0;

    private readonly Record _record = new();

    internal PitSavedForm(IStateful timer, int instance)
        : base(timer, KvmPit.PitLayout, new KvmDeviceState(KvmPit.Size)) =>
        Parts =
        [
            new SavedPart<Record>(Record.Layout.Name, instance, Record.Layout, _record),
            new SavedPart<Record>(Record.RestLayout.Name, instance, Record.RestLayout, _record) { IsNeeded = () => _record.Flags != 0 },
        ];

    /// <inheritdoc/>
    public override IReadOnlyList<SavedPart> Parts { get; }

    /// <inheritdoc/>
    protected override void Fill(KvmDeviceState own)
    {
        uint flags = MemoryMarshal.Read<uint>(own.Bytes.AsSpan(Flags));
        (_record.IsDisabled, _record.Flags) = (flags & Disabled, flags & ~Disabled);
        var channels = MemoryMarshal.Cast<byte, KvmPitChannel>(own.Bytes.AsSpan(0, Flags));
        for (int i = 0; i < Channels; i++)
        {
            _record.Channels[i].State = channels[i];
        }
    }

    /// <inheritdoc/>
    protected override void Take(KvmDeviceState own)
    {
        uint flags = _record.IsDisabled | _record.Flags;
        if (_record.IsDisabled > Disabled || (_record.Flags & Disabled) != 0)
        {
            throw new StateException($"i8254 irq_disabled and flags: 0 or 1, and no bit 0 expected, {_record.IsDisabled} and 0x{_record.Flags:x} found");
        }

        MemoryMarshal.Write(own.Bytes.AsSpan(Flags), flags);
        var channels = MemoryMarshal.Cast<byte, KvmPitChannel>(own.Bytes.AsSpan(0, Flags));
        for (int i = 0; i < Channels; i++)
        {
            channels[i] = _record.Channels[i].State;
        }
    }

    /// <summary>struct kvm_pit_channel_state.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct KvmPitChannel
    {
        internal int Count;
        internal ushort LatchedCount;
        internal byte CountLatched;
        internal byte StatusLatched;
        internal byte Status;
        internal byte ReadState;
        internal byte WriteState;
        internal byte WriteLatch;
        internal byte AccessMode;
        internal byte Mode;
        internal byte Bcd;
        internal byte Gate;
        internal long LoadTime;
    }

    /// <summary>QEMU's section of one of the counters.</summary>
    internal sealed class Channel
    {
        internal static readonly StateLayout<Channel> Layout = new("pit channel", version: 2)
        {
            { "count", s => ref s.State.Count },
            { "latched_count", s => ref s.State.LatchedCount },
            { "count_latched", s => ref s.State.CountLatched },
            { "status_latched", s => ref s.State.StatusLatched },
            { "status", s => ref s.State.Status },
            { "read_state", s => ref s.State.ReadState },
            { "write_state", s => ref s.State.WriteState },
            { "write_latch", s => ref s.State.WriteLatch },
            { "rw_mode", s => ref s.State.AccessMode },
            { "mode", s => ref s.State.Mode },
            { "bcd", s => ref s.State.Bcd },
            { "gate", s => ref s.State.Gate },
            { "count_load_time", s => ref s.State.LoadTime },
            { "next_transition_time", s => ref s._nextTransition },
        };

        /// <summary>The counter as KVM has it.</summary>
        internal KvmPitChannel State;

        private long _nextTransition = NotRunning;
    }

    /// <summary>What the expiry of a timer is that does not run: KVM has the timer, and keeps its expiry.</summary>
    private const long NotRunning = -1;

    /// <summary>QEMU's section, and ours.</summary>
    internal sealed class Record
    {
        internal static readonly StateLayout<Record> Layout = new("i8254", version: 3)
        {
            { "channels[0].irq_disabled", s => ref s.IsDisabled },
            { "channels", s => ref s.Channels, Channel.Layout, PitSavedForm.Channels },
            { "channels[0].next_transition_time", s => ref s._nextTransition },
        };

        internal static readonly StateLayout<Record> RestLayout = new("vmm/i8254", version: 1)
        {
            { "flags", s => ref s.Flags },
        };

        /// <summary>Whether the first counter raises no interrupt; 0 or 1.</summary>
        internal uint IsDisabled;

        /// <summary>The other flags of KVM_SET_PIT2.</summary>
        internal uint Flags;

        /// <summary>The counters.</summary>
        internal Channel[] Channels = [.. Enumerable.Range(0, PitSavedForm.Channels).Select(_ => new Channel())];

        private long _nextTransition = NotRunning;
    }
}
