using Vmm.Core.Hypervisors;
using Vmm.Kvm.Cpuid;

namespace Vmm.Kvm;

/// <summary>Says in words how the guest ABI of two VMs differs: what one guest sees of its CPU and another does not.</summary>
public static class CpuidComparison
{
    /// <summary>The differences, one line each, features by name; empty when a guest can see no difference.</summary>
    /// <param name="old">The <see cref="IVirtualMachine.GuestAbi"/> of one VM.</param>
    /// <param name="other">That of the other.</param>
    /// <exception cref="HypervisorException">One of them cannot be read.</exception>
    public static IReadOnlyList<string> Explain(ReadOnlyMemory<byte> old, ReadOnlyMemory<byte> other)
    {
        var ours = KvmGuestAbi.Parse(old);
        var theirs = KvmGuestAbi.Parse(other);
        var lines = new List<string>();
        if (ours.TscKhz != theirs.TscKhz)
        {
            lines.Add($"TSC frequency: {ours.TscKhz} kHz and {theirs.TscKhz} kHz");
        }

        if (!ours.Capabilities.SequenceEqual(theirs.Capabilities))
        {
            lines.Add($"KVM capabilities: {string.Join(',', ours.Capabilities)} and {string.Join(',', theirs.Capabilities)}");
        }

        var words = ours.Table.Entries.Concat(theirs.Table.Entries)
            .SelectMany(e => Enum.GetValues<CpuidRegister>().Select(r => new CpuidWord(e.Function, e.Index, r)))
            .Distinct();
        var features = CpuidFeatures.Words.ToHashSet();
        foreach (var word in words)
        {
            uint mine = ours.Table[word];
            uint yours = theirs.Table[word];
            if (mine == yours)
            {
                continue;
            }

            if (!features.Contains(word))
            {
                lines.Add($"{word}: 0x{mine:x} and 0x{yours:x}");
                continue;
            }

            lines.AddRange(CpuidFeatures.NamesOf(word, mine & ~yours).Select(name => $"{name}: only in the first"));
            lines.AddRange(CpuidFeatures.NamesOf(word, yours & ~mine).Select(name => $"{name}: only in the second"));
        }

        return lines;
    }
}
