using Vmm.Core.Backends.Rng;
using Vmm.Core.Configuration;

namespace Vmm.Core.Machines;

/// <summary>Opens sources of random numbers as they are configured.</summary>
internal static class RngFactory
{
    /// <summary>Opens one. In a live update that is before the pause, so a file that cannot be opened is a reason why it is refused.</summary>
    /// <param name="configuration">The machine's configuration.</param>
    /// <param name="id">The source's id; null for one of the device's own, which is the kernel's.</param>
    /// <exception cref="MachineException">The host refuses.</exception>
    internal static RngBackEnd Open(MachineConfiguration configuration, string? id)
    {
        if (id is null)
        {
            return new BuiltinRng();
        }

        var rng = configuration.Rngs.FirstOrDefault(rng => rng.Id == id)
            ?? throw new InvalidOperationException($"rng back end '{id}' is not configured");
        if (rng is not FileRngConfiguration file)
        {
            return new BuiltinRng();
        }

        try
        {
            return FileRng.Open(file.Filename);
        }
        catch (IOException e)
        {
            throw new MachineException($"rng back end '{id}': the file cannot be opened: {e.Message}", e);
        }
    }
}
