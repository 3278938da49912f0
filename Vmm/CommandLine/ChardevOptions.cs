using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>Collects all chardevs, those that other options imply included, and sees to it that each has one user at most.</summary>
internal sealed class ChardevOptions
{
    private const string ChardevPrefix = "chardev:";
    private const string MuxPrefix = "mon:";
    private readonly List<ChardevConfiguration> _chardevs = [];
    private readonly List<string> _withMonitor = [];

    /// <summary>All chardevs in the order in which they came.</summary>
    internal IReadOnlyList<ChardevConfiguration> All => _chardevs;

    /// <summary>Whether stdin and stdout are taken.</summary>
    internal bool UsesStdio => _chardevs.Exists(c => c is StdioChardevConfiguration);

    /// <summary>The ids of those that brought a monitor with them (mon:DEV).</summary>
    internal IReadOnlyList<string> WithMonitor => _withMonitor;

    /// <summary>Adds a chardev.</summary>
    internal void Add(ChardevConfiguration chardev)
    {
        if (_chardevs.Exists(c => c.Id == chardev.Id))
        {
            throw new CommandLineException($"Duplicate ID '{chardev.Id}' for chardev");
        }

        if (chardev is StdioChardevConfiguration && UsesStdio)
        {
            throw new CommandLineException("cannot use stdio by multiple character devices");
        }

        _chardevs.Add(chardev);
    }

    /// <summary>Reads a DEV and adds the chardev that it stands for.</summary>
    /// <param name="label">The id of a chardev that is made.</param>
    /// <param name="device">DEV.</param>
    /// <param name="isForMonitor">Whether a monitor will use it.</param>
    /// <returns>The chardev's id; null for "none".</returns>
    internal string? Resolve(string label, string device, bool isForMonitor = false)
    {
        if (device == "none")
        {
            return null;
        }

        if (device.StartsWith(ChardevPrefix, StringComparison.Ordinal))
        {
            return device[ChardevPrefix.Length..];
        }

        if (!isForMonitor && device.StartsWith(MuxPrefix, StringComparison.Ordinal))
        {
            Add(CompatChardev.ReadMux(label, device[MuxPrefix.Length..]));
            _withMonitor.Add(label);
            return label;
        }

        var chardev = CompatChardev.Read(label, device, isForMonitor);
        Add(chardev);
        return chardev.Id;
    }

    /// <summary>Checks that the back ends of monitors have nothing that only a guest's have.</summary>
    /// <param name="monitors">The monitors; the chardev of each is there.</param>
    /// <param name="usedByDevices">The ids of those that devices use.</param>
    internal void CheckMonitors(IEnumerable<MonitorConfiguration> monitors, IReadOnlyCollection<string> usedByDevices)
    {
        var alone = new HashSet<string>();
        foreach (var (id, mode, _) in monitors)
        {
            var chardev = _chardevs.First(c => c.Id == id);
            if (chardev.Mux && usedByDevices.Contains(id))
            {
                if (mode == MonitorMode.Control)
                {
                    throw new CommandLineException($"chardev '{id}': a QMP monitor takes no mux: expected a chardev of its own, or mode=readline");
                }

                continue;
            }

            if (!alone.Add(id))
            {
                throw new CommandLineException($"chardev '{id}': several monitors share a mux only with a device: expected a chardev for each");
            }

            if (chardev is SocketChardevConfiguration { Host: not null } or SocketChardevConfiguration { Abstract: true } or SocketChardevConfiguration { ReconnectMilliseconds: > 0 })
            {
                throw new CommandLineException($"chardev '{id}': a monitor takes no host, abstract or reconnect: expected path= or fd=");
            }

            if (chardev.LogFile is not null)
            {
                throw new CommandLineException($"chardev '{id}': logfile is not supported on the back end of a monitor: expected a chardev without it");
            }
        }
    }

    /// <summary>Checks that every used chardev is there and none is used twice.</summary>
    /// <param name="uses">Chardev ids with the words for their users.</param>
    internal void CheckUses(IEnumerable<(string ChardevId, string User)> uses)
    {
        var users = new Dictionary<string, string>();
        foreach (var (id, user) in uses)
        {
            if (!_chardevs.Exists(c => c.Id == id))
            {
                throw new CommandLineException($"{user}: chardev '{id}' not found: expected the id of a -chardev");
            }

            if (!users.TryAdd(id, user) && !_chardevs.Exists(c => c.Id == id && c.Mux))
            {
                throw new CommandLineException($"{user}: chardev '{id}' is in use by {users[id]}: expected one of its own");
            }
        }
    }
}
