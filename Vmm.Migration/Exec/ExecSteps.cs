using Vmm.Core.Descriptors;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;

namespace Vmm.Migration.Exec;

/// <summary>What is done between the steps of a handover to a child.</summary>
internal sealed record ExecSteps
{
    /// <inheritdoc cref="OutgoingHandover.OnReady"/>
    internal Action<IReadOnlyList<string>>? OnReady { get; init; }

    /// <inheritdoc cref="OutgoingHandover.OnStateSent"/>
    internal Action? OnStateSent { get; init; }

    /// <inheritdoc cref="OutgoingHandover.OnStaying"/>
    internal Action<HandoverException>? OnStaying { get; init; }

    /// <inheritdoc cref="OutgoingOffer.Besides"/>
    internal IReadOnlyList<HandoverDescriptor> Besides { get; init; } = [];

    /// <inheritdoc cref="OutgoingHandover.BeforeStop"/>
    internal Func<Task>? BeforeStop { get; init; }

    /// <inheritdoc cref="OutgoingHandover.BecomeOther"/>
    internal Func<OutgoingOffer, ReadOnlyMemory<byte>, Exception>? BecomeOther { get; init; }
}
