namespace Vmm.Core.Native;

/// <summary>A name leads, or may lead, to a file that another user put there to have this process write to it.</summary>
/// <param name="path">The name.</param>
/// <param name="reason">Why it is not trusted.</param>
public sealed class UntrustedFileException(string path, string reason) : IOException($"open '{path}': {reason}")
{
    /// <summary>Why it is not trusted, without the name.</summary>
    public string Reason { get; } = reason;
}
