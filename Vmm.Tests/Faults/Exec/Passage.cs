using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults.Exec;

/// <summary>A program has passed a boundary.</summary>
/// <param name="Process">Its process.</param>
/// <param name="Program">Which program it is, in the order in which they first passed one.</param>
/// <param name="Step">The boundary's number.</param>
internal sealed record Passage(int Process, int Program, byte Step)
{
    /// <summary>Whether the fault struck here.</summary>
    internal bool IsStruck { get; init; }

    /// <summary>The boundary's name.</summary>
    internal string Name => Step >= (byte)ExecStep.OldAsked ? $"{(ExecStep)Step}" : $"{(HandoverStep)Step}";
}
