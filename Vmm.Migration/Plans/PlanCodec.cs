// The plan's bytes in protocol versions 1 to 6; the second adds flags, and the process's placement at the end, the third behind it
// how often a sign of life is wanted, the fourth what no guest sees, the fifth the revision of the guest's board, the sixth which files its disks are.
// Lists carry their count and texts their length; both are bounded, because the reader must not trust the writer.

using System.Text;
using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;
using Vmm.Core.Machines.Types;
using Vmm.Core.Memory;
using Vmm.Core.State;
using Vmm.Migration.Channels;

namespace Vmm.Migration.Plans;

/// <summary>Writes and reads a plan.</summary>
internal static class PlanCodec
{
    private const uint Preflight = 1;

    /// <summary>The first protocol version whose plan has flags.</summary>
    private const ushort HasFlags = 2;

    /// <summary>The first protocol version whose plan has the process's placement.</summary>
    private const ushort HasHost = 2;

    /// <summary>The first protocol version whose new process gives signs of life while it waits for its operator, as often as the plan says.</summary>
    internal const ushort HasSignsOfLife = 3;

    /// <summary>The first protocol version whose plan has the host-only properties.</summary>
    private const ushort HasHostOnly = 4;

    /// <summary>The first protocol version whose plan has the revision of the guest's board.</summary>
    private const ushort HasBoardRevision = 5;

    /// <summary>The first protocol version whose plan has the images of block nodes.</summary>
    private const ushort HasImages = 6;

    /// <summary>The first protocol version whose plan has the back ends that no device uses: an earlier program does not know them, and lets them be closed.</summary>
    private const ushort HasSpareBackEnds = 6;

    /// <summary>Writes a plan for a peer that speaks this version of the protocol. In version 1 a preflight looks like an update.</summary>
    internal static void Write(StateWriter writer, Plan plan, ushort protocol)
    {
        writer.WriteUInt64(plan.Attempt);
        writer.WriteUInt32(plan.PrefaultBudget);
        if (protocol >= HasFlags)
        {
            writer.WriteUInt32(plan.IsPreflight ? Preflight : 0);
        }

        WriteProperties(writer, protocol >= HasSpareBackEnds ? plan.GuestVisible : [.. plan.GuestVisible.Where(property => !GuestVisibleProperties.MayBeNew(property))]);
        WriteProperties(writer, plan.Layouts);
        WriteList(writer, plan.Ram, ram =>
        {
            writer.WriteText(ram.Name);
            writer.WriteUInt64(ram.Size);
            writer.WriteUInt64(ram.Identity.Device);
            writer.WriteUInt64(ram.Identity.Inode);
            writer.WriteUInt64(ram.Identity.Size);
            writer.WriteUInt32((uint)ram.Identity.Seals);
        });
        WriteBlob(writer, plan.GuestAbi.Span);
        WriteList(writer, plan.Placement, placement =>
        {
            WriteBlob(writer, placement.Affinity.Span);
            writer.WriteUInt32((uint)placement.Policy);
            writer.WriteUInt32((uint)placement.Priority);
        });
        if (protocol >= HasHost)
        {
            WriteHost(writer, plan.Host);
        }

        if (protocol >= HasSignsOfLife)
        {
            writer.WriteUInt32(plan.SignOfLifeWithin);
        }

        if (protocol >= HasHostOnly)
        {
            WriteProperties(writer, plan.HostOnly ?? []);
        }

        if (protocol >= HasBoardRevision)
        {
            writer.WriteUInt32(plan.BoardRevision);
        }

        if (protocol >= HasImages)
        {
            WriteList(writer, plan.Images ?? [], image =>
            {
                writer.WriteText(image.NodeName);
                writer.WriteUInt64(image.Device);
                writer.WriteUInt64(image.Inode);
                writer.WriteUInt32(image.Access);
            });
        }
    }

    /// <summary>Reads the plan of a peer that speaks this version of the protocol.</summary>
    /// <exception cref="StateException">The bytes are no plan.</exception>
    internal static Plan Read(StateReader reader, ushort protocol)
    {
        ulong attempt = reader.ReadUInt64();
        uint prefaultBudget = reader.ReadUInt32();
        uint flags = protocol >= HasFlags ? reader.ReadUInt32() : 0;
        if ((flags & ~Preflight) != 0)
        {
            throw new StateException($"the plan has flags 0x{flags:x}, of which 0x{flags & ~Preflight:x} are unknown here");
        }

        var guestVisible = ReadProperties(reader);
        var layouts = ReadProperties(reader);
        var ram = ReadList(reader, () => new PlannedRam(
            reader.ReadText(),
            reader.ReadUInt64(),
            new RamFileIdentity(reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt64(), (int)reader.ReadUInt32())));
        var guestAbi = ReadBlob(reader, ProtocolLimits.LargestGuestAbi);
        var placement = ReadList(reader, () => new ThreadPlacement(
            ReadBlob(reader, ProtocolLimits.LargestMask), (int)reader.ReadUInt32(), (int)reader.ReadUInt32()));
        var host = protocol >= HasHost ? ReadHost(reader) : HostPlacement.Unknown;
        uint signOfLifeWithin = protocol >= HasSignsOfLife ? reader.ReadUInt32() : 0;
        var hostOnly = protocol >= HasHostOnly ? ReadProperties(reader) : null;
        uint boardRevision = protocol >= HasBoardRevision ? reader.ReadUInt32() : MachineType.FirstRevision;
        var images = protocol >= HasImages
            ? ReadList(reader, () => new ImageIdentity(reader.ReadText(), reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt32()))
            : null;
        if (reader.Remaining > 0)
        {
            throw new StateException($"{reader.Remaining} bytes follow the plan");
        }

        return new Plan
        {
            Attempt = attempt,
            PrefaultBudget = prefaultBudget,
            IsPreflight = (flags & Preflight) != 0,
            GuestVisible = guestVisible,
            Layouts = layouts,
            Ram = ram,
            BoardRevision = boardRevision,
            Images = images,
            GuestAbi = guestAbi,
            Placement = placement,
            Host = host,
            HostOnly = hostOnly,
            SignOfLifeWithin = signOfLifeWithin,
        };
    }

    internal static void WriteText(this StateWriter writer, string text)
    {
        int count = Encoding.UTF8.GetByteCount(text);
        writer.WriteUInt32((uint)count);
        Encoding.UTF8.GetBytes(text, writer.Reserve(count));
    }

    internal static string ReadText(this StateReader reader) =>
        Encoding.UTF8.GetString(reader.ReadBytes(Bounded(reader.ReadUInt32(), ProtocolLimits.LongestWireText, "text")));

    /// <summary>A list of texts as an operator may read them.</summary>
    internal static List<string> ReadTexts(StateReader reader) => PeerText.Of(ReadList(reader, reader.ReadText));

    internal static void WriteList<T>(StateWriter writer, IReadOnlyCollection<T> items, Action<T> write)
    {
        writer.WriteUInt32((uint)items.Count);
        foreach (var item in items)
        {
            write(item);
        }
    }

    internal static List<T> ReadList<T>(StateReader reader, Func<T> read)
    {
        int count = Bounded(reader.ReadUInt32(), ProtocolLimits.MostEntries, "list");
        var items = new List<T>();
        while (items.Count < count)
        {
            items.Add(read());
        }

        return items;
    }

    /// <summary>Each part is a list of one, or of none where the host did not say.</summary>
    private static void WriteHost(StateWriter writer, HostPlacement host)
    {
        WriteList<NumaPolicy>(writer, host.Policy is null ? [] : [host.Policy], p =>
        {
            writer.WriteUInt32((uint)p.Mode);
            WriteBlob(writer, p.Nodes.Span);
        });
        WriteList<uint>(writer, host.HugePagesDisabled is { } disabled ? [(uint)disabled] : [], writer.WriteUInt32);
        WriteList<ulong>(writer, host.LockLimit is { } limit ? [limit] : [], writer.WriteUInt64);
    }

    private static HostPlacement ReadHost(StateReader reader)
    {
        var policy = ReadList(reader, () => new NumaPolicy((int)reader.ReadUInt32(), ReadBlob(reader, ProtocolLimits.LargestNodes)));
        var hugePages = ReadList(reader, reader.ReadUInt32);
        var lockLimit = ReadList(reader, reader.ReadUInt64);
        return new HostPlacement(
            policy.FirstOrDefault(),
            hugePages.Count > 0 ? (int)hugePages[0] : null,
            lockLimit.Count > 0 ? lockLimit[0] : null);
    }

    internal static void WriteProperties(StateWriter writer, IReadOnlyList<PropertyValue> properties) => WriteList(writer, properties, property =>
    {
        writer.WriteText(property.Subject);
        writer.WriteText(property.Property);
        writer.WriteText(property.Value);
    });

    internal static List<PropertyValue> ReadProperties(StateReader reader) =>
        ReadList(reader, () => new PropertyValue(reader.ReadText(), reader.ReadText(), reader.ReadText()));

    private static void WriteBlob(StateWriter writer, ReadOnlySpan<byte> bytes)
    {
        writer.WriteUInt32((uint)bytes.Length);
        writer.WriteBytes(bytes);
    }

    private static byte[] ReadBlob(StateReader reader, int most) =>
        reader.ReadBytes(Bounded(reader.ReadUInt32(), most, "blob")).ToArray();

    private static int Bounded(uint count, int most, string what) => count <= most
        ? (int)count
        : throw new StateException($"a {what} of {count} was announced, at most {most} is taken");
}
