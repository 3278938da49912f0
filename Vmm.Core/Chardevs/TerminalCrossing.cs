// The mode that the terminal had before the process was there. A program that replaces another finds the terminal raw, and would leave it so at its end; so the
// first mode goes from program to program.

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>The terminal's first mode, over exec. Machine loop only, save for the mode itself.</summary>
public sealed class TerminalCrossing : IExecCrossing
{
    private static TerminalAttributes? _former;

    /// <inheritdoc/>
    public string Name => "terminal";

    /// <inheritdoc/>
    public IEnumerable<HandoverDescriptor> Inherited => [];

    /// <summary>What the program that was here before has found; null where there was none, or no terminal.</summary>
    internal static TerminalAttributes? Former { get; private set; }

    /// <inheritdoc/>
    public Task HoldAsync(TimeSpan atMost) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Save(StateWriter record, ICollection<HandoverDescriptor> descriptors)
    {
        ArgumentNullException.ThrowIfNull(record);
        if (_former is { } former)
        {
            record.WriteBytes(MemoryMarshal.AsBytes(new ReadOnlySpan<TerminalAttributes>(in former)));
        }
    }

    /// <inheritdoc/>
    public void Continue()
    {
    }

    /// <inheritdoc/>
    public void Restore(StateReader record, HandedOverDescriptors descriptors)
    {
        ArgumentNullException.ThrowIfNull(record);
        if (record.Remaining == Unsafe.SizeOf<TerminalAttributes>())
        {
            Former = MemoryMarshal.Read<TerminalAttributes>(record.ReadBytes(record.Remaining));
        }
        else if (record.Remaining > 0)
        {
            throw new StateException($"the record's terminal mode has {record.Remaining} bytes, {Unsafe.SizeOf<TerminalAttributes>()} were expected");
        }
    }

    /// <inheritdoc/>
    public void Resume()
    {
    }

    /// <summary>A terminal is raw now.</summary>
    /// <param name="former">What it was before.</param>
    internal static void Entered(in TerminalAttributes former) => _former ??= former;
}
