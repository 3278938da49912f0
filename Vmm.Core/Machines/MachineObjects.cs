// The objects of -object while the machine is there. The command line's are in the machine's configuration and are the same in the next process of a
// live update; what is added or removed while the guest runs is known here only, as QEMU has it.

using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Machines;

/// <summary>The objects of a machine that are no devices. Machine loop only.</summary>
public sealed class MachineObjects
{
    private readonly Machine _machine;

    internal MachineObjects(Machine machine)
    {
        _machine = machine;
        Configuration = machine.Configuration;
    }

    /// <summary>The machine's configuration with the objects that there are now.</summary>
    public MachineConfiguration Configuration { get; private set; }

    /// <summary>The throttle groups that a node may name: not those that drives made for themselves.</summary>
    public IEnumerable<ThrottleGroupConfiguration> ThrottleGroups =>
        Configuration.ThrottleGroups.Where(group => !Configuration.Drives.Any(drive => drive.ThrottleGroup == group.Id));

    private IEnumerable<string> Ids =>
    [
        .. Configuration.MemoryBackends.Select(backend => backend.Id),
        .. Configuration.Rngs.Select(rng => rng.Id),
        .. Configuration.IoThreads.Select(thread => thread.Id),
        .. Configuration.Secrets.Select(secret => secret.Id),
        .. ThrottleGroups.Select(group => group.Id),
    ];

    /// <summary>Starts a thread for queues.</summary>
    /// <exception cref="ObjectException">The id is taken.</exception>
    /// <exception cref="MachineException">The host gives no thread.</exception>
    public void Add(IoThreadConfiguration thread)
    {
        ArgumentNullException.ThrowIfNull(thread);
        RequireNew(thread.Id);
        _machine.QueueThreads.Add(thread);
        Configuration = Configuration with { IoThreads = [.. Configuration.IoThreads, thread] };
    }

    /// <summary>Adds a throttle group.</summary>
    /// <exception cref="ObjectException">The id is taken, or the limits do not go together.</exception>
    public void Add(ThrottleGroupConfiguration group)
    {
        ArgumentNullException.ThrowIfNull(group);
        RequireNew(group.Id);
        if (Configuration.ThrottleGroups.Any(other => other.Id == group.Id))
        {
            throw new ObjectException($"throttle group '{group.Id}' is there already: a drive made it for itself");
        }

        if (ThrottleRules.Violation(group) is { } violation)
        {
            throw new ObjectException(violation);
        }

        Configuration = Configuration with { ThrottleGroups = [.. Configuration.ThrottleGroups, group] };
    }

    /// <summary>Adds a secret.</summary>
    /// <exception cref="ObjectException">The id is taken.</exception>
    public void Add(SecretConfiguration secret)
    {
        ArgumentNullException.ThrowIfNull(secret);
        RequireNew(secret.Id);
        Configuration = Configuration with { Secrets = [.. Configuration.Secrets, secret] };
    }

    /// <summary>Removes an object that nothing uses.</summary>
    /// <exception cref="ObjectException">There is none of that id, or it is used.</exception>
    public void Remove(string id)
    {
        if (!Ids.Contains(id))
        {
            throw new ObjectException($"object '{id}' not found");
        }

        if (IsUsed(id))
        {
            throw new ObjectException($"object '{id}' is in use, can not be deleted");
        }

        _machine.QueueThreads.Remove(id);
        Configuration = Configuration with
        {
            Rngs = [.. Configuration.Rngs.Where(rng => rng.Id != id)],
            IoThreads = [.. Configuration.IoThreads.Where(thread => thread.Id != id)],
            Secrets = [.. Configuration.Secrets.Where(secret => secret.Id != id)],
            ThrottleGroups = [.. Configuration.ThrottleGroups.Where(group => group.Id != id)],
        };
    }

    private bool IsUsed(string id) =>
        Configuration.MemoryBackends.Any(backend => backend.Id == id)
        || Nodes().OfType<ThrottleNodeConfiguration>().Any(node => node.Group == id)
        || _machine.Devices.Any(device => device.Configuration.Type.Properties.Any(
            property => property is RngProperty or IoThreadProperty && (device.Configuration.ValueOf(property) as string) == id));

    private IEnumerable<BlockNodeConfiguration> Nodes() => _machine.Board?.Blocks.Nodes.Select(node => node.Configuration) ?? Configuration.BlockNodes;

    private void RequireNew(string id)
    {
        if (!IdProperty.IsId(id))
        {
            throw new ObjectException($"Parameter 'id' expects {IdProperty.Expected}, not '{id}'");
        }

        if (Ids.Contains(id))
        {
            throw new ObjectException($"attempt to add duplicate property '{id}' to object (type 'container')");
        }
    }
}
