// What a machine must be to run the guest of a saved stream: the revision of its board, the guest ABI (the CPUID table and what else the hypervisor fixed at the
// first boot), and what the guest can notice of its configuration. QEMU has no such section; its users say all of it again on the next command line. A
// reader that knows no device walks it by the stream's description, as every other.
//
// It stands before RAM, because a machine is built before its RAM is filled:
//
//     u32 revision; u32 length, guest ABI; u32 length, properties (u32 count, and for each subject, property and value: u32 length, UTF-8)

using Vmm.Core.Configuration;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;

namespace Vmm.Migration.Streams;

/// <summary>The record of the machine that a saved guest ran on.</summary>
/// <param name="Revision">The revision of its board.</param>
/// <param name="GuestAbi">The guest ABI.</param>
/// <param name="Properties">What the guest can notice of it.</param>
internal sealed record MachineRecord(uint Revision, ReadOnlyMemory<byte> GuestAbi, IReadOnlyList<PropertyValue> Properties)
{
    internal const string Section = "vmm-machine";
    internal const uint Version = 2;

    /// <summary>The last version of which the sections of devices have the layouts of a live update.</summary>
    private const uint OwnLayouts = 1;

    /// <summary>The number of its section; those of devices count from 1.</summary>
    private const uint Id = 0x8000_0000;

    private const int MostPropertyBytes = 1 << 20;

    /// <summary>Whether the sections behind RAM have the forms of a saved file (<see cref="SavedForm"/>); files of version 1 have none.</summary>
    internal bool HasSavedForms { get; init; } = true;

    /// <summary>Appends the whole section.</summary>
    /// <returns>What a description says of it.</returns>
    internal StateDescription Write(StateWriter writer)
    {
        var properties = new StateWriter();
        PlanCodec.WriteProperties(properties, Properties);
        VmStateWriter.WriteHead(writer, VmStateStream.SectionFull, Id, Section, 0, Version);
        writer.WriteUInt32(Revision);
        writer.WriteUInt32((uint)GuestAbi.Length);
        writer.WriteBytes(GuestAbi.Span);
        writer.WriteUInt32((uint)properties.Length);
        writer.WriteBytes(properties.Written);
        VmStateWriter.WriteFooter(writer, Id);
        return new StateDescription(
            Section,
            (int)Version,
            [
                new("revision", "uint32", sizeof(uint)),
                new("guest_abi_len", "uint32", sizeof(uint)),
                new("guest_abi", "buffer", GuestAbi.Length),
                new("properties_len", "uint32", sizeof(uint)),
                new("properties", "buffer", properties.Length),
            ],
            []);
    }

    /// <summary>Reads the whole section.</summary>
    /// <exception cref="StateException">Another section is there, or it is damaged.</exception>
    internal static MachineRecord Read(StreamInput input)
    {
        input.Expect("section type", VmStateStream.SectionFull, input.ReadByte());
        uint id = input.ReadUInt32();
        string name = input.ReadName();
        uint instance = input.ReadUInt32();
        uint version = input.ReadUInt32();
        if (name != Section || instance != 0 || version is 0 or > Version)
        {
            throw input.Damaged($"section '{Section}' 0 of a version up to {Version} expected, '{name}' {instance} version {version} found");
        }

        uint revision = input.ReadUInt32();
        byte[] abi = input.ReadBlob("guest ABI", ProtocolLimits.LargestGuestAbi);
        byte[] properties = input.ReadBlob("list of properties", MostPropertyBytes);
        input.ReadFooter(id);
        try
        {
            var reader = new StateReader(properties);
            var record = new MachineRecord(revision, abi, PlanCodec.ReadProperties(reader)) { HasSavedForms = version > OwnLayouts };
            return reader.Remaining == 0 ? record : throw new StateException($"{reader.Remaining} bytes follow the properties");
        }
        catch (StateException e)
        {
            throw input.Damaged($"{Section}: {e.Message}", e);
        }
    }
}
