// The plan's bytes in protocol version 1. Lists carry their count and texts their length; both are bounded, because the
// reader must not trust the writer.

using System.Text;
using Vmm.Core.Configuration;
using Vmm.Core.Memory;
using Vmm.Core.State;

namespace Vmm.Migration.Plans;

/// <summary>Writes and reads a plan.</summary>
internal static class PlanCodec
{
    private const int MostEntries = 4096;
    private const int LongestText = 64 * 1024;
    private const int LargestPromises = 8 * 1024 * 1024;
    private const int LargestMask = 1024;
    private const uint Preflight = 1;

    internal static void Write(StateWriter writer, Plan plan)
    {
        writer.WriteUInt64(plan.Attempt);
        writer.WriteUInt32(plan.PrefaultBudget);
        writer.WriteUInt32(plan.IsPreflight ? Preflight : 0);
        WriteFacts(writer, plan.Facts);
        WriteFacts(writer, plan.Layouts);
        WriteList(writer, plan.Ram, ram =>
        {
            writer.WriteText(ram.Name);
            writer.WriteUInt64(ram.Size);
            writer.WriteUInt64(ram.Identity.Device);
            writer.WriteUInt64(ram.Identity.Inode);
            writer.WriteUInt64(ram.Identity.Size);
            writer.WriteUInt32((uint)ram.Identity.Seals);
        });
        WriteBlob(writer, plan.Promises.Span);
        WriteList(writer, plan.Placement, placement =>
        {
            WriteBlob(writer, placement.Affinity.Span);
            writer.WriteUInt32((uint)placement.Policy);
            writer.WriteUInt32((uint)placement.Priority);
        });
    }

    /// <exception cref="StateException">The bytes are no plan.</exception>
    internal static Plan Read(StateReader reader)
    {
        ulong attempt = reader.ReadUInt64();
        uint prefaultBudget = reader.ReadUInt32();
        uint flags = reader.ReadUInt32();
        if ((flags & ~Preflight) != 0)
        {
            throw new StateException($"the plan has flags 0x{flags:x}, of which 0x{flags & ~Preflight:x} are unknown here");
        }

        var facts = ReadFacts(reader);
        var layouts = ReadFacts(reader);
        var ram = ReadList(reader, () => new PlannedRam(
            reader.ReadText(),
            reader.ReadUInt64(),
            new RamFileIdentity(reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt64(), (int)reader.ReadUInt32())));
        var promises = ReadBlob(reader, LargestPromises);
        var placement = ReadList(reader, () => new ThreadPlacement(
            ReadBlob(reader, LargestMask), (int)reader.ReadUInt32(), (int)reader.ReadUInt32()));
        if (reader.Remaining > 0)
        {
            throw new StateException($"{reader.Remaining} bytes follow the plan");
        }

        return new Plan
        {
            Attempt = attempt,
            PrefaultBudget = prefaultBudget,
            IsPreflight = (flags & Preflight) != 0,
            Facts = facts,
            Layouts = layouts,
            Ram = ram,
            Promises = promises,
            Placement = placement,
        };
    }

    internal static void WriteText(this StateWriter writer, string text)
    {
        int count = Encoding.UTF8.GetByteCount(text);
        writer.WriteUInt32((uint)count);
        Encoding.UTF8.GetBytes(text, writer.Reserve(count));
    }

    internal static string ReadText(this StateReader reader) =>
        Encoding.UTF8.GetString(reader.ReadBytes(Bounded(reader.ReadUInt32(), LongestText, "text")));

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
        int count = Bounded(reader.ReadUInt32(), MostEntries, "list");
        var items = new List<T>();
        while (items.Count < count)
        {
            items.Add(read());
        }

        return items;
    }

    private static void WriteFacts(StateWriter writer, IReadOnlyList<ConfigurationFact> facts) => WriteList(writer, facts, fact =>
    {
        writer.WriteText(fact.Subject);
        writer.WriteText(fact.Property);
        writer.WriteText(fact.Value);
    });

    private static List<ConfigurationFact> ReadFacts(StateReader reader) =>
        ReadList(reader, () => new ConfigurationFact(reader.ReadText(), reader.ReadText(), reader.ReadText()));

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
