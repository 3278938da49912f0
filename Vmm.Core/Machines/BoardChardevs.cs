// The character back ends of a board: those that its devices use, in the order of the devices, and then those that nothing uses, which are open all the
// same, for clients and for chardev-change. A back end that a monitor has is no board's.
//
// While the guest is on its way to another process the set is closed: what was listed for that process is what it gets.

using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Descriptors;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Machines;

/// <summary>The back ends of a board. Machine loop only.</summary>
internal sealed class BoardChardevs
{
    private readonly List<Chardev> _all = [];
    private readonly List<Chardev> _notAdopted = [];
    private readonly int _used;

    internal BoardChardevs(BoardSetup setup)
    {
        var used = setup.Devices.SelectMany(device => device.Configuration.Chardevs).Distinct().ToList();
        var configured = setup.Configuration.Chardevs;
        _used = used.Count;
        _all.AddRange(used
            .Select(id => configured.First(chardev => chardev.Id == id))
            .Concat(configured.Where(chardev => chardev.IsSpare(used)))
            .Select(chardev => ChardevFactory.Create(
                chardev, setup.IoLoop, setup.Log, setup.Configuration.EscapeKey, () => setup.Power.RequestExit(0))));
    }

    /// <summary>All of them.</summary>
    internal IReadOnlyList<Chardev> All => _all;

    /// <summary>Those that devices use.</summary>
    internal IEnumerable<Chardev> Used => _all.Take(_used);

    /// <summary>Those that nothing uses.</summary>
    internal IEnumerable<Chardev> Spare => _all.Skip(_used);

    /// <summary>Whether they are on their way to another process.</summary>
    internal bool IsClosed { get; private set; }

    /// <summary>Called when one was added, removed or replaced.</summary>
    internal Action Changed { get; set; } = static () => { };

    internal Chardev? Find(string id) => _all.Find(chardev => chardev.Label == id);

    /// <summary>Opens all of a guest that boots here.</summary>
    /// <exception cref="IOException">One cannot be opened.</exception>
    internal void Open()
    {
        foreach (var chardev in _all)
        {
            try
            {
                chardev.Open();
            }
            catch (IOException e)
            {
                throw new IOException($"chardev '{chardev.Label}': {e.Message}", e);
            }
        }
    }

    /// <summary>Takes over what the guest had in the old process.</summary>
    /// <exception cref="IOException">A descriptor is not what its name says.</exception>
    internal void Adopt(HandedOverDescriptors handedOver)
    {
        ArgumentNullException.ThrowIfNull(handedOver);
        _notAdopted.AddRange(_all.Where(chardev => !chardev.Adopt(handedOver)));
    }

    /// <summary>For the next process: what it will need. From now on none is added, removed or changed.</summary>
    internal IEnumerable<HandoverDescriptor> Export()
    {
        IsClosed = true;
        return _all.SelectMany(chardev => chardev.Export());
    }

    /// <summary>The guest is here, or stays here: what did not cross is opened, and the set is open again.</summary>
    internal void Continue(BestEffort steps)
    {
        IsClosed = false;
        foreach (var chardev in _notAdopted)
        {
            steps.Do($"open chardev '{chardev.Label}', which did not cross", chardev.Open);
        }

        _notAdopted.Clear();
    }

    internal void Add(Chardev chardev)
    {
        _all.Add(chardev);
        Changed();
    }

    internal void Remove(Chardev chardev)
    {
        _all.Remove(chardev);
        Changed();
    }

    internal void Replace(Chardev chardev, Chardev next)
    {
        _all[_all.IndexOf(chardev)] = next;
        Changed();
    }
}
