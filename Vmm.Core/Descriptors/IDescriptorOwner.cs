namespace Vmm.Core.Descriptors;

/// <summary>
/// Something of the process, not of the board, with open descriptors that go to the next process when the guest does. In that process: all
/// that can be refused or take time is done by <see cref="Prepare"/>, while the guest still runs elsewhere; then comes either
/// <see cref="Adopt"/> or <see cref="Drop"/>.
/// </summary>
public interface IDescriptorOwner
{
    /// <summary>The descriptors, while the guest is here. They stay the owner's.</summary>
    IEnumerable<HandoverDescriptor> HandoverDescriptors { get; }

    /// <summary>
    /// Claims what came for it, checks it, and opens what it will need besides. The guest is still the old process's: nothing that the two share
    /// is changed, read or written.
    /// </summary>
    /// <returns>Every reason why this process cannot continue with what came; empty when it can.</returns>
    IReadOnlyList<string> Prepare(HandedOverDescriptors handedOver);

    /// <summary>Begins to use what was prepared. The guest is here now; an error costs what was prepared, and nothing else.</summary>
    void Adopt();

    /// <summary>Closes what was prepared: the guest stays in the old process.</summary>
    void Drop();

    /// <summary>
    /// Closes what the next process took over, without unlinking, truncating or unlocking anything; what it did not take stays as it is.
    /// </summary>
    /// <param name="wasTaken">
    /// Of a descriptor's name: whether the next process has it. Null where that is not known, because it has not reported since: then a listening
    /// socket is served here too, and its path stays in any case.
    /// </param>
    void Release(Func<string, bool?> wasTaken);
}
