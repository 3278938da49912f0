// KVM's I/O APIC in a saved file: as QEMU's first one.

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Vmm.Core.State;

namespace Vmm.Kvm.Devices;

/// <summary>KVM's I/O APIC in a saved file.</summary>
internal sealed class IoApicSavedForm : SavedForm<KvmDeviceState>
{
    private const ulong Address = 0xfec0_0000;
    private const int Select = 8;
    private const int Id = 12;
    private const int Requested = 16;
    private const int Entries = 24;

    private readonly Record _record = new();

    internal IoApicSavedForm(IStateful controller, int instance)
        : base(controller, KvmInterruptController.IoApicLayout, new KvmDeviceState(KvmInterruptController.IoApicSize)) =>
        Parts = [new SavedPart<Record>(Record.Layout.Name, instance, Record.Layout, _record)];

    /// <inheritdoc/>
    public override IReadOnlyList<SavedPart> Parts { get; }

    /// <inheritdoc/>
    protected override void Fill(KvmDeviceState own)
    {
        _record.Select = own.Bytes[Select];
        _record.Id = own.Bytes[Id];
        _record.Requested = BinaryPrimitives.ReadUInt32LittleEndian(own.Bytes.AsSpan(Requested));
        MemoryMarshal.Cast<byte, ulong>(own.Bytes.AsSpan(Entries)).CopyTo(_record.Entries);
    }

    /// <inheritdoc/>
    protected override void Take(KvmDeviceState own)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(own.Bytes, Address);
        own.Bytes[Select] = _record.Select;
        own.Bytes[Id] = _record.Id;
        BinaryPrimitives.WriteUInt32LittleEndian(own.Bytes.AsSpan(Requested), _record.Requested);
        _record.Entries.CopyTo(MemoryMarshal.Cast<byte, ulong>(own.Bytes.AsSpan(Entries)));
    }

    /// <summary>QEMU's section.</summary>
    internal sealed class Record
    {
        private const int Inputs = 24;

        /// <summary>As QEMU calls it: not KVM's, but that of every machine.</summary>
        internal static readonly StateLayout<Record> Layout = new(KvmInterruptController.IoApicLayout.Name["kvm-".Length..], version: 3)
        {
            { "id", s => ref s.Id },
            { "ioregsel", s => ref s.Select },
            { "unused", 8 },
            { "irr", s => ref s.Requested },
            { "ioredtbl", s => s.Entries, Inputs },
        };

        /// <summary>The id, as the guest set it.</summary>
        internal byte Id;

        /// <summary>Index of the selected register.</summary>
        internal byte Select;

        /// <summary>Inputs that wait for delivery, and levels.</summary>
        internal uint Requested;

        /// <summary>The redirection entries.</summary>
        internal readonly ulong[] Entries = new ulong[Inputs];
    }
}
