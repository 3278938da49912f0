// Which bits of a KVM structure the fields of QEMU's sections hold, found out by trying: the code that lays the fields onto a structure is run over
// zeros and over ones, and what shows through is what they do not hold. So it is said once, in that code, and vmm-cpu has exactly the
// rest, whatever KVM puts there.

using Vmm.Core.State;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>Lays fields of the sections onto a structure; which bits it writes may depend on the sections, never on the structure.</summary>
internal delegate void LayFields(Span<byte> structure);

/// <summary>Parts structures into what the sections hold and the rest.</summary>
internal static class HeldBits
{
    /// <summary>Copies the bits of a structure that its fields do not hold; the others become 0.</summary>
    internal static void CopyRest(ReadOnlySpan<byte> structure, Span<byte> rest, LayFields lay)
    {
        var zeros = new byte[structure.Length];
        var ones = new byte[structure.Length];
        Array.Fill(ones, byte.MaxValue);
        lay(zeros);
        lay(ones);
        for (int i = 0; i < structure.Length; i++)
        {
            rest[i] = (byte)(structure[i] & (zeros[i] ^ ones[i]));
        }
    }

    /// <summary>Makes a structure of the rest and the fields.</summary>
    internal static void Join(ReadOnlySpan<byte> rest, Span<byte> structure, LayFields lay)
    {
        rest.CopyTo(structure);
        lay(structure);
    }

    /// <summary>Writes the bits of a mask, and no other.</summary>
    internal static void Set(ref byte target, byte mask, uint value) => target = (byte)((target & ~mask) | ((byte)value & mask));

    /// <summary>Writes the lowest bit, and no other.</summary>
    internal static void SetBit(ref byte target, bool value) => Set(ref target, 1, value ? 1u : 0);

    /// <summary>Refuses a value that the structure behind a field has no room for.</summary>
    /// <exception cref="StateException">The value is out of range.</exception>
    internal static long Require(string field, long value, long least, long most) => value >= least && value <= most
        ? value
        : throw new StateException($"{field}: {least} to {most} expected, {value} found");
}
