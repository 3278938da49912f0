using System.Runtime.InteropServices;

namespace Vmm.Core.Native;

/// <summary>sigset_t as glibc has it: 1024 bits, of which the kernel knows 64.</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
internal struct SignalSet
{
    private ulong _first;

    /// <summary>All signals.</summary>
    internal static SignalSet Every => new() { _first = ulong.MaxValue };

    /// <summary>Whether every signal of another set is in this one.</summary>
    internal readonly bool Contains(SignalSet other) => (other._first & ~_first) == 0;

    /// <summary>The set of these signals.</summary>
    internal static SignalSet Of(ReadOnlySpan<int> numbers)
    {
        var set = default(SignalSet);
        foreach (int number in numbers)
        {
            set._first |= 1UL << (number - 1);
        }

        return set;
    }
}
