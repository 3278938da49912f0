namespace Vmm.Core.Machines;

/// <summary>Something with open descriptors that go to the next process when the guest does.</summary>
public interface IDescriptorCarrier
{
    /// <summary>The descriptors, while the guest is here. They stay the carrier's.</summary>
    IEnumerable<CarriedDescriptor> Carried { get; }

    /// <summary>Takes its descriptors over from the old process. The guest is here now.</summary>
    void Adopt(DescriptorBag bag);

    /// <summary>
    /// Closes what the next process took over, without unlinking, truncating or unlocking anything; what it did not take stays as it is.
    /// </summary>
    /// <param name="wasTaken">Tells of a descriptor's name whether the next process has it.</param>
    void Release(Func<string, bool> wasTaken);
}
