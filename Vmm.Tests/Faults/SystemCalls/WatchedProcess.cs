namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>A process as the injector sees it.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Child">0 for the one that the injector was started as, 1 for the first that this has started.</param>
/// <param name="Programs">How many programs it has been: 1 before its first update by exec.</param>
internal sealed record WatchedProcess(int Id, int Child, int Programs)
{
    /// <summary>How it has ended, as waitpid(2) has it; null when it has not.</summary>
    internal int? WaitStatus { get; init; }

    /// <summary>The signal that has ended it; 0 for none.</summary>
    internal int Signal => (WaitStatus ?? 0) & 0x7f;

    /// <summary>What it has exited with.</summary>
    internal int ExitStatus => ((WaitStatus ?? 0) >> 8) & 0xff;

    /// <summary>Whether nothing is left of it, not even a status that no one has asked for.</summary>
    internal bool IsGone => WaitStatus is not null && !Directory.Exists($"/proc/{Id}");

    /// <summary>For messages.</summary>
    public override string ToString() =>
        $"process {Child}.{Programs} ({(WaitStatus is null ? "lives" : Signal != 0 ? $"signal {Signal}" : $"status {ExitStatus}")})";
}
