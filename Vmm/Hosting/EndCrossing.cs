// A request to end that comes while the process becomes another program is neither lost nor half done: either it ends, and becomes none, or the program that
// has the guest then finds the signal.

using Vmm.Core.Descriptors;
using Vmm.Core.Machines;
using Vmm.Core.State;

namespace Vmm.Hosting;

/// <summary>The end of the process, over exec. Machine loop only.</summary>
/// <param name="watch">Reads the signals.</param>
internal sealed class EndCrossing(EndWatch watch) : IExecCrossing
{
    /// <inheritdoc/>
    public string Name => "end";

    /// <inheritdoc/>
    public IEnumerable<HandoverDescriptor> Inherited => [];

    /// <inheritdoc/>
    public Task HoldAsync(TimeSpan atMost) => watch.HasBegun ? throw IsRequested() : Task.CompletedTask;

    /// <inheritdoc/>
    public void Save(StateWriter record, ICollection<HandoverDescriptor> descriptors)
    {
        if (!watch.TryHold())
        {
            throw IsRequested();
        }
    }

    /// <inheritdoc/>
    public void Continue() => watch.Release();

    /// <summary>Nothing comes in the record: the host has the signals. The process reads none from its start until it has the guest (VmmHost).</summary>
    /// <inheritdoc/>
    public void Restore(StateReader record, HandedOverDescriptors descriptors)
    {
    }

    /// <inheritdoc/>
    public void Resume()
    {
    }

    private static MachineException IsRequested() => new("this process was asked to end");
}
