// What a saved stream says of itself first: the machine type, and in subsections, as QEMU has them, which capabilities both ends must have alike
// ("configuration/capabilities": what stands in the stream depends on them) and whose guest it is ("configuration/uuid").

using System.Text;
using Vmm.Core.State;
using Vmm.Migration.Channels;

namespace Vmm.Migration.Streams;

/// <summary>The configuration section of a saved stream.</summary>
/// <param name="MachineType">The machine type.</param>
internal sealed record StreamConfiguration(string MachineType)
{
    private const string IgnoreShared = "x-ignore-shared";
    private const string Capabilities = "configuration/capabilities";
    private const string UuidSection = "configuration/uuid";
    private const uint Version = 1;
    private const byte Subsection = 0x05;
    private const int UuidSize = 16;
    private const int LongestMachineType = 256;
    private const int MostCapabilities = 64;

    /// <summary>Whether RAM that is in a file is left there, and the table of RAM has the addresses of its blocks.</summary>
    internal bool LeavesShared { get; init; }

    /// <summary>The UUID of the machine, to be compared; null where it is not.</summary>
    internal Guid? Uuid { get; init; }

    /// <summary>Appends it.</summary>
    /// <returns>What a description says of it.</returns>
    internal StateDescription Write(StateWriter writer)
    {
        byte[] name = Encoding.UTF8.GetBytes(MachineType);
        var subsections = new List<StateDescription>();
        writer.WriteByte(VmStateStream.Configuration);
        writer.WriteUInt32((uint)name.Length);
        writer.WriteBytes(name);
        if (LeavesShared)
        {
            Begin(writer, Capabilities);
            writer.WriteUInt32(1);
            writer.WriteName(IgnoreShared);
            subsections.Add(new(Capabilities, (int)Version, [new("caps_count", "uint32", sizeof(uint)), new("capabilities", "capability", 1 + IgnoreShared.Length)], []));
        }

        if (Uuid is { } uuid)
        {
            Begin(writer, UuidSection);
            uuid.TryWriteBytes(writer.Reserve(UuidSize), bigEndian: true, out _);
            subsections.Add(new(UuidSection, (int)Version, [new("uuid.data", "uint8", 1) { ArrayLength = UuidSize }], []));
        }

        return new("configuration", (int)Version, [new("len", "uint32", sizeof(uint)), new("name", "buffer", name.Length)], subsections);
    }

    /// <summary>Reads it.</summary>
    /// <exception cref="StateException">Something else is there, or it is damaged.</exception>
    internal static StreamConfiguration Read(StreamInput input)
    {
        input.Expect("section type", VmStateStream.Configuration, input.ReadByte());
        var read = new StreamConfiguration(PeerText.Of(Encoding.UTF8.GetString(input.ReadBlob("machine type", LongestMachineType))));
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (input.PeekByte() == Subsection)
        {
            input.ReadByte();
            string name = input.ReadName();
            if (!seen.Add(name))
            {
                throw input.Damaged($"a configuration with each subsection once expected, '{PeerText.Of(name)}' found again");
            }

            input.Expect($"version of {PeerText.Of(name)}", Version, input.ReadUInt32());
            read = name switch
            {
                Capabilities => read with { LeavesShared = ReadCapabilities(input) },
                UuidSection => read with { Uuid = new Guid(input.Take(UuidSize), bigEndian: true) },
                _ => throw input.Damaged($"{Capabilities} or {UuidSection} expected, '{PeerText.Of(name)}' found"),
            };
        }

        return read;
    }

    /// <summary>Refuses the stream of another machine.</summary>
    /// <param name="input">Where the stream is read from.</param>
    /// <param name="own">What this process is: its machine type, what is switched on here, the machine's UUID if it has one.</param>
    /// <exception cref="StateException">It is.</exception>
    internal void RequireFits(StreamInput input, StreamConfiguration own)
    {
        if (MachineType != own.MachineType)
        {
            throw input.Damaged($"Machine type received is '{MachineType}' and local is '{own.MachineType}'");
        }

        if (LeavesShared != own.LeavesShared)
        {
            throw input.Damaged($"Capability {IgnoreShared} is {Switch(own.LeavesShared)}, but received capability is {Switch(LeavesShared)}");
        }

        if (Uuid is { } uuid && own.Uuid is { } local && uuid != local)
        {
            throw input.Damaged($"UUID received is {uuid} and local is {local}");
        }
    }

    private static bool ReadCapabilities(StreamInput input)
    {
        bool leavesShared = false;
        uint count = input.ReadUInt32();
        if (count > MostCapabilities)
        {
            throw input.Damaged($"at most {MostCapabilities} capabilities expected, {count} announced");
        }

        for (uint i = 0; i < count; i++)
        {
            string name = input.ReadName();
            leavesShared |= name == IgnoreShared ? true : throw input.Damaged($"capability {IgnoreShared} expected, '{PeerText.Of(name)}' found");
        }

        return leavesShared;
    }

    private static void Begin(StateWriter writer, string subsection)
    {
        writer.WriteByte(Subsection);
        writer.WriteName(subsection);
        writer.WriteUInt32(Version);
    }

    private static string Switch(bool isOn) => isOn ? "on" : "off";
}
