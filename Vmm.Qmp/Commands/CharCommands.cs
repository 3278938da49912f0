// char.json: the back ends.

using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of char.json.</summary>
/// <param name="chardevs">Lists every back end of the process, those of devices and those of monitors.</param>
public sealed class CharCommands(Func<IEnumerable<ChardevInfo>> chardevs) : ICharCommands
{
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ChardevInfo>> QueryChardev(CommandContext context) =>
        ValueTask.FromResult<IReadOnlyList<ChardevInfo>>([.. chardevs()]);
}
