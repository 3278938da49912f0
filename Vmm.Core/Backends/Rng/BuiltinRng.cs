using Vmm.Core.Native;

namespace Vmm.Core.Backends.Rng;

/// <summary>The kernel's random numbers, by getrandom(2): rng-builtin.</summary>
public sealed class BuiltinRng : RngBackEnd
{
    /// <inheritdoc/>
    public override int Fill(nint address, int length) => RngAnswer.Of(HostRandom.TryFill(address, length));
}
