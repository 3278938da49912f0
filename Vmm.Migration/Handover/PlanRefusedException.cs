using Vmm.Migration.Channels;

namespace Vmm.Migration.Handover;

/// <summary>The new process cannot take the guest.</summary>
/// <param name="message">Who said so, and every reason.</param>
/// <param name="reasons">The reasons, one each.</param>
internal sealed class PlanRefusedException(string message, IReadOnlyList<string> reasons) : HandoverException(message)
{
    /// <summary>The reasons, one each.</summary>
    internal IReadOnlyList<string> Reasons => reasons;

    /// <summary>The same, with what an operator needs to know besides.</summary>
    internal PlanRefusedException With(string advice) => new($"{Message}; {advice}", [.. reasons, advice]);
}
