// A register of the x87 unit: a number of 80 bits, the mantissa first. QEMU fills a temporary record with it, which is where the field has its name and
// its type from.

using Vmm.Core.State;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>A register of the x87 unit.</summary>
internal sealed class SavedFloat : IOpaqueState
{
    internal static readonly StateLayout<SavedFloat> Layout = new("fpreg", version: 0)
    {
        { "tmp", s => s, "tmp", () => new SavedFloat() },
    };

    internal ulong Mantissa;
    internal ushort Exponent;

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.WriteUInt64(Mantissa);
        writer.WriteUInt16(Exponent);
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        Mantissa = reader.ReadUInt64();
        Exponent = reader.ReadUInt16();
    }
}
