namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>What is done to one call.</summary>
/// <param name="Key">The kind of call.</param>
/// <param name="Occurrence">Which of those in the window: 1 is the first.</param>
/// <param name="Error">The name of the error that it fails with; null makes it late instead.</param>
internal sealed record Injection(CallKey Key, int Occurrence, string? Error)
{
    /// <summary>How late a late call is.</summary>
    internal static readonly TimeSpan Lateness = TimeSpan.FromSeconds(2.5);

    /// <summary>The line for the injector.</summary>
    internal string Command => Error is null
        ? $"late {Occurrence} {(int)Lateness.TotalMilliseconds} {Key.Text}"
        : $"fail {Occurrence} {Errno.Of(Error)} {Key.Text}";

    /// <summary>For messages.</summary>
    public override string ToString() => $"{Key} #{Occurrence} {Error ?? "late"}";
}
