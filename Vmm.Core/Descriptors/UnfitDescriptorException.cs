namespace Vmm.Core.Descriptors;

/// <summary>A descriptor of another process is not what its name says.</summary>
/// <param name="name">The name.</param>
/// <param name="reason">What it is, and what was expected.</param>
public sealed class UnfitDescriptorException(string name, string reason) : IOException($"{name}: {reason}")
{
    /// <summary>What it is, and what was expected, without the name.</summary>
    public string Reason { get; } = reason;
}
