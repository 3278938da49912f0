namespace Vmm.Core.Devices.Model;

/// <summary>A command-line option that makes a device together with its character back end, as -serial does.</summary>
/// <param name="Name">The option's name without its dash.</param>
/// <param name="Help">What it means, in one line.</param>
/// <param name="Label">The id of the back end that it makes, followed by the device's number if there may be several.</param>
/// <param name="BackEnd">The property that names the back end.</param>
public sealed record ShortOption(string Name, string Help, string Label, ChardevProperty BackEnd)
{
    /// <summary>The property that says which place a device has; null where the option may be given once. Each option takes the next place, also one without a device.</summary>
    public NumberProperty? Place { get; init; }

    /// <summary>Whether the machine has such a device though no option asks for one, unless -nodefaults is given.</summary>
    public bool IsDefault { get; init; }
}
